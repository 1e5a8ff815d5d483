import { readFlags, wholeNumber } from '@switchboard/command-line';

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

const WORKERS = { min: 1, max: 64 };
const POOL_SIZE = { min: 1, max: 10_000 };
const PORT = { min: 0, max: 65_535 };
const FLAGS = {
  workers: 'string',
  'pool-size': 'string',
  port: 'string',
  'json-logs': 'boolean',
} as const;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): StartOptions | 'help' {
  const values = readFlags(argv, FLAGS);
  if (values === 'help') return 'help';
  const poolSize = values['pool-size'] ?? env['POOL_SIZE'] ?? '10';
  return {
    workers: wholeNumber('--workers', values.workers ?? '1', WORKERS),
    poolSize: wholeNumber('--pool-size', poolSize, POOL_SIZE),
    port: wholeNumber('--port', values.port ?? env['PORT'] ?? '8080', PORT),
    jsonLogs: values['json-logs'] ?? false,
  };
}
