import { readArguments, UsageError, wholeNumber } from '@switchboard/command-line';

export interface DrillOptions {
  readonly drill: 'restart' | 'kill';
  readonly seed: number;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
  /** Restart drill: streams that run at any time. */
  readonly streams: number;
  /** Restart drill: length of a stream, seconds. */
  readonly streamSeconds: number;
  /** Kill drill: how long processes are killed; the last runs end after that. */
  readonly seconds: number;
  /** Kill drill: background runs at any time. */
  readonly runs: number;
  /** File for every line that any of the processes prints. */
  readonly log: string | undefined;
}

export const USAGE = `Usage: npm run drill -- restart|kill [options]

restart   Streams through @switchboard/client while every gateway and every worker is restarted by
          SIGTERM, one after another. No stream may be lost, broken, or have a word twice.
kill      Background runs while workers, gateways and nats-server are killed, drawn from a seed.
          Each run must end once, with what the model said or with the documented error.

  --streams N    restart: streams at any time (default 200)
  --long         restart: streams of 60 s instead of 10 s
  --seconds N    kill: how long processes are killed (default 120, from 10)
  --runs N       kill: background runs at any time (default 50)
  --seed N       repeats a drill's decisions; times still differ (default: a new one)
  --log FILE     write every line that any of the processes prints to this file
  --json         end with one JSON object on stdout; everything else goes to stderr
  --help         this text

Exits with 1 when a promise was broken; each violation is printed with its evidence.
`;

const FLAGS = {
  streams: 'string',
  long: 'boolean',
  seconds: 'string',
  runs: 'string',
  seed: 'string',
  log: 'string',
  json: 'boolean',
} as const;
const COUNT = { min: 1, max: 2_000 };
const SECONDS = { min: 10, max: 86_400 };
const SEED = { min: 0, max: 2 ** 32 - 1 };

/** Reads the command line; 'help' when that is what was asked for. @throws UsageError */
export function readOptions(argv: readonly string[]): DrillOptions | 'help' {
  const read = readArguments(argv, FLAGS);
  if (read === 'help') return 'help';
  const { flags, words } = read;
  const [drill, ...more] = words;
  if ((drill !== 'restart' && drill !== 'kill') || more.length > 0) {
    throw new UsageError('Name one drill: restart or kill.');
  }
  return {
    drill,
    streams: wholeNumber('--streams', flags.streams ?? '200', COUNT),
    streamSeconds: flags.long === true ? 60 : 10,
    seconds: wholeNumber('--seconds', flags.seconds ?? '120', SECONDS),
    runs: wholeNumber('--runs', flags.runs ?? '50', COUNT),
    seed: wholeNumber('--seed', flags.seed ?? String(newSeed()), SEED),
    log: flags.log,
    json: flags.json ?? false,
  };
}

function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
