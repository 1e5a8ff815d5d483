import { readFlags, UsageError, wholeNumber } from '@switchboard/command-line';

export interface DemoOptions {
  readonly users: number;
  /** How long the model thinks about each chat. */
  readonly thinkSeconds: number;
  /** Slots of each worker of the bounded pool. */
  readonly poolSize: number;
  /** Workers of the bounded pool. */
  readonly workers: number;
  /** Run the slow half: the same users against one slot. */
  readonly before: boolean;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
}

export const USAGE = `Usage: npm run demo -- [options]

Sends the chats of N users at the same moment to a pool of one slot, then to a bounded pool, and
shows how long each user waited. The model is the built-in simulator, which thinks T seconds a chat.

  --users N        users who chat at once (default 3, at most 1000)
  --think T        seconds the model thinks about each chat (default 10, from 0.1)
  --pool-size S    slots of each worker: chats it answers at once (default 10)
  --workers W      worker processes (default 1)
  --no-before      skip the slow half, the pool of one slot
  --json           end with one JSON object on stdout; everything else goes to stderr
  --help           this text

Exits with 1 when the pool took longer or shorter than ceil(N / slots) x T by more than 5 % and
200 ms, or when a chat failed.
`;

const USERS_MAX = 1_000;
const POOL_SIZE_MAX = 1_000;
const WORKERS_MAX = 16;
const THINK_MIN_SECONDS = 0.1;
const THINK_MAX_SECONDS = 3_000;

const FLAGS = {
  users: 'string',
  think: 'string',
  'pool-size': 'string',
  workers: 'string',
  'no-before': 'boolean',
  json: 'boolean',
} as const;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(argv: readonly string[]): DemoOptions | 'help' {
  const values = readFlags(argv, FLAGS);
  if (values === 'help') return 'help';
  return {
    users: wholeNumber('--users', values.users ?? '3', { min: 1, max: USERS_MAX }),
    thinkSeconds: thinkSeconds(values.think ?? '10'),
    poolSize: wholeNumber('--pool-size', values['pool-size'] ?? '10', {
      min: 1,
      max: POOL_SIZE_MAX,
    }),
    workers: wholeNumber('--workers', values.workers ?? '1', { min: 1, max: WORKERS_MAX }),
    before: values['no-before'] !== true,
    json: values.json ?? false,
  };
}

function thinkSeconds(text: string): number {
  const seconds = Number(text);
  const inRange = seconds >= THINK_MIN_SECONDS && seconds <= THINK_MAX_SECONDS;
  if (!/^\d+(\.\d{1,3})?$/.test(text) || !inRange) {
    throw new UsageError(
      `--think must be a number of seconds from ${THINK_MIN_SECONDS} to ${THINK_MAX_SECONDS}.`,
    );
  }
  return seconds;
}
