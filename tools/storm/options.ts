import { readFlags, wholeNumber } from '@switchboard/command-line';

export interface StormOptions {
  /** How long requests are sent; checks and clean-up come after that. */
  readonly seconds: number;
  readonly seed: number;
  /** Whether processes are killed, stopped and cut off. */
  readonly kills: boolean;
  /** File for every line that any of the processes prints. */
  readonly log: string | undefined;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
}

export const USAGE = `Usage: npm run storm -- [options]

Starts 2 gateways, 3 workers of 5 slots, nats-server and the simulator, sends them some 45 users'
requests, and kills, stops and cuts off their processes meanwhile, all drawn from a seed. Then it
compares what clients saw, what the event log holds and what the simulator was asked.

  --seconds N      how long requests are sent (default 120, from 10)
  --seed N         repeats a storm's decisions; times still differ (default: a new one)
  --no-kills       no process is touched; only load, leaving clients and a failing model
  --log FILE       write every line that any of the processes prints to this file
  --json           end with one JSON object on stdout; everything else goes to stderr
  --help           this text

Exits with 1 when a promise was broken; each violation is printed with its evidence.
`;

const SECONDS = { min: 10, max: 7 * 86_400 };
const SEED = { min: 0, max: 2 ** 32 - 1 };
const FLAGS = {
  seconds: 'string',
  seed: 'string',
  'no-kills': 'boolean',
  log: 'string',
  json: 'boolean',
} as const;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(argv: readonly string[]): StormOptions | 'help' {
  const values = readFlags(argv, FLAGS);
  if (values === 'help') return 'help';
  return {
    seconds: wholeNumber('--seconds', values.seconds ?? '120', SECONDS),
    seed: values.seed === undefined ? newSeed() : wholeNumber('--seed', values.seed, SEED),
    kills: values['no-kills'] !== true,
    log: values.log,
    json: values.json ?? false,
  };
}

export function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
