import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Worker processes. */
  readonly workers: number;
  /** Slots of each worker: how many runs it takes at once. */
  readonly poolSize: number;
  /** The gateway's port. */
  readonly port: number;
  /** Pass the processes' JSON log lines through instead of showing problems only. */
  readonly jsonLogs: boolean;
}

/** Wrong usage. The message is one sentence for the person who typed it. */
export class UsageError extends Error {}

export const USAGE = `Usage: npm start -- [options]

  --workers W      worker processes (default 1)
  --pool-size N    slots of each worker: runs at once (default 10, or POOL_SIZE)
  --port P         port of the gateway (default 8080, or PORT)
  --json-logs      print every log line of every process as JSON
  --help           this text

Environment: OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL choose a real model endpoint
instead of the built-in simulator. The other variables of the services (see README.md) are
passed on to them.
`;

const WORKERS_MAX = 64;
const POOL_SIZE_MAX = 10_000;
const PORT_MAX = 65_535;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): StartOptions | 'help' {
  const { values } = parse(argv);
  if (values.help === true) return 'help';
  return {
    workers: whole('--workers', values.workers ?? '1', 1, WORKERS_MAX),
    poolSize: whole(
      '--pool-size',
      values['pool-size'] ?? env['POOL_SIZE'] ?? '10',
      1,
      POOL_SIZE_MAX,
    ),
    port: whole('--port', values.port ?? env['PORT'] ?? '8080', 0, PORT_MAX),
    jsonLogs: values['json-logs'] ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        workers: { type: 'string' },
        'pool-size': { type: 'string' },
        port: { type: 'string' },
        'json-logs': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // The first sentence names the option; the rest is advice about dashes.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${message.split('. ')[0]?.replace(/\.$/, '')}.`, { cause: error });
  }
}

function whole(name: string, text: string, minimum: number, maximum: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < minimum || number > maximum) {
    throw new UsageError(`${name} must be a whole number from ${minimum} to ${maximum}.`);
  }
  return number;
}
