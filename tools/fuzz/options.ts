import { readArguments, wholeNumber } from '@switchboard/command-line';

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  /** Requests under way at once. */
  readonly at: number;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
}

export const USAGE = `Usage: npm run fuzz -- [options]

Sends hostile requests to a real gateway with a worker, nats-server and the simulator: bodies made
from the OpenAPI document and then spoilt, strange headers, paths and methods, and raw bytes. Each
must be answered or closed in time, no answer may be a 5xx that is not documented, no process may
end, the gateway's memory may not grow, and nothing may be left in the queue or in a slot.

  --requests N  how many (default 20000, from 100)
  --seed N      repeats the requests (default: a new one)
  --at N        requests under way at once (default 32)
  --json        end with one JSON object on stdout; everything else goes to stderr
  --help        this text

Exits with 1 when something was broken; each finding is printed with its request.
`;

const FLAGS = { requests: 'string', seed: 'string', at: 'string', json: 'boolean' } as const;

/** Reads the command line; 'help' when that is what was asked for. @throws UsageError */
export function readOptions(argv: readonly string[]): FuzzOptions | 'help' {
  const read = readArguments(argv, FLAGS);
  if (read === 'help') return 'help';
  const { flags } = read;
  const seed = String(Math.floor(Math.random() * 2 ** 31));
  return {
    requests: wholeNumber('--requests', flags.requests ?? '20000', { min: 100, max: 10_000_000 }),
    seed: wholeNumber('--seed', flags.seed ?? seed, { min: 0, max: 2 ** 32 - 1 }),
    at: wholeNumber('--at', flags.at ?? '32', { min: 1, max: 500 }),
    json: flags.json ?? false,
  };
}
