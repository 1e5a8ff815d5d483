import { parseArgs } from 'node:util';

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

/** Wrong usage. The message is one sentence for the person who typed it. */
export class UsageError extends Error {}

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

const SECONDS_MIN = 10;
const SECONDS_MAX = 7 * 86_400;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(argv: readonly string[]): StormOptions | 'help' {
  const values = parse(argv);
  if (values.help === true) return 'help';
  return {
    seconds: whole('--seconds', values.seconds ?? '120', [SECONDS_MIN, SECONDS_MAX]),
    seed: values.seed === undefined ? newSeed() : whole('--seed', values.seed, [0, 2 ** 32 - 1]),
    kills: values['no-kills'] !== true,
    log: values.log,
    json: values.json ?? false,
  };
}

export function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seconds: { type: 'string' },
        seed: { type: 'string' },
        'no-kills': { type: 'boolean' },
        log: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const sentence = (message.split('. ')[0] ?? message).split('\n')[0] ?? message;
    throw new UsageError(`${sentence.replace(/\.$/, '')}.`, { cause: error });
  }
}

function whole(name: string, text: string, [min, max]: readonly [number, number]): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new UsageError(`${name} must be a whole number from ${min} to ${max}.`);
  }
  return number;
}
