/** `npm run dead-letters`: requests that were given up, to look at, replay or erase. */
import { runCommand, stopOnSignals, UsageError } from '@switchboard/command-line';
import { SwitchboardError } from '@switchboard/contract';
import {
  ConfigError,
  NATS_CHECKS,
  NATS_OPTIONS,
  natsAddress,
  readConfig,
} from '@switchboard/platform/config';
import { connectOnce, DeadLetters } from '@switchboard/transport';

import { readOptions, USAGE } from './options.ts';
import { runDeadLetters } from './run-dead-letters.ts';

function readAddress(nats: string | undefined): ReturnType<typeof natsAddress> {
  const env = nats === undefined ? process.env : { ...process.env, NATS_URL: nats };
  try {
    return natsAddress(readConfig(NATS_OPTIONS, env, NATS_CHECKS));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  stopOnSignals();
  const link = await connectOnce({ ...readAddress(options.nats), name: 'dead-letters' });
  try {
    const { exitCode, json, lines } = await runDeadLetters(new DeadLetters(link), options.command);
    if (options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
    else (exitCode === 0 ? process.stdout : process.stderr).write(`${lines.join('\n')}\n`);
    return exitCode;
  } finally {
    await link.close();
  }
}

await runCommand(main, {
  usage: USAGE,
  explain: (error) => {
    if (error instanceof SwitchboardError) return error.message;
    return `The command failed: ${error instanceof Error ? error.stack : String(error)}`;
  },
});
