import { ConfigError } from '@switchboard/platform/config';
import { readSimulatorConfig } from './config.ts';
import { startSimulator, type SimulatorLog } from './index.ts';
import { SCRIPT_HELP } from './script-help.ts';

function logLine(level: 'info' | 'error', fields: object, msg: string): void {
  const line = { level, time: Date.now(), name: 'llm-simulator', msg, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const log: SimulatorLog = {
  error: (fields, message) => {
    const err = 'err' in fields && fields.err instanceof Error ? fields.err.stack : undefined;
    logLine('error', { ...fields, err }, message);
  },
};

async function main(): Promise<void> {
  const { host, port } = readSimulatorConfig();
  const simulator = await startSimulator({ host, port, log });
  const stop = (): void => {
    void simulator.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  logLine('info', { host, port: simulator.port, url: simulator.url }, 'listening');
}

function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  process.stderr.write(`${inUse ? 'HOST and PORT name an address that is in use' : text}\n`);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}

const [argument] = process.argv.slice(2);
if (argument === '--help' || argument === '-h') {
  process.stdout.write(SCRIPT_HELP);
} else if (argument !== undefined) {
  process.stderr.write(`unknown argument ${argument}; --help explains\n`);
  process.exitCode = 2;
} else {
  await main().catch(fail);
}
