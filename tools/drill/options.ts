import { readArguments, UsageError, wholeNumber } from '@switchboard/command-line';

const DRILL_NAMES = [
  'restart',
  'kill',
  'soak',
  'stopped',
  'poison',
  'overload',
  'retry-after',
  'crowd',
  'slowloris',
] as const;
export type DrillName = (typeof DRILL_NAMES)[number];

export interface DrillOptions {
  readonly drill: DrillName;
  readonly seed: number;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
  /** Restart drill: streams that run at any time. */
  readonly streams: number;
  /** Restart drill: length of a stream, seconds. */
  readonly streamSeconds: number;
  /** Restart drill: only the workers are restarted, and may not finish what runs. */
  readonly shortDrain: boolean;
  /**
   * How long: of a kill drill, a poison drill and a soak, the last runs end after that; of the
   * worker's stop; of an overload.
   */
  readonly seconds: number;
  /** Kill drill: background runs at any time. */
  readonly runs: number;
  /** Kill drill: nats-servers, each of which keeps everything. */
  readonly replicas: 1 | 3;
  /** File for every line that any of the processes prints. */
  readonly log: string | undefined;
}

export const USAGE = `Usage: npm run drill -- DRILL [options]

restart   Streams through @switchboard/client, and a quarter as many users of the plain openai SDK,
          while every gateway and every worker is restarted by SIGTERM, one after another. No
          stream of the client may be lost, broken, or have a word twice; an answer of the SDK may
          end as documented, and can be taken up then. With --short-drain only the workers are
          restarted, and break off what runs: worker_lost or a visible restart, as the agent says.
kill      Background runs while workers, gateways and nats-server are killed, drawn from a seed.
          Each run must end once, with what the model said or with the documented error.
soak      Mixed load that fills the event log and every bucket: none may outgrow its limit, what was
          accepted ends, and the gateways' memory stays flat.
stopped   A worker is stopped (SIGSTOP) while it runs something, and goes on when others have taken
          over long ago. Each run must end once, and no reader may get what it says then.
poison    Agents that exit, loop for ever, exhaust the memory or ignore their signal, beside others.
          Each may cost three workers and is a dead letter then; workers must be back within 30 s,
          and no other request that had shown nothing may fail.
overload  Three times what the pool can serve comes to it, with a deadline. The slots must stay busy
          with what ends in time, the others be told at once when to come again, and newcomers be
          served as ever soon after.
retry-after  The same for a while, then 0.8 times: who was refused comes back exactly when told,
          and must get in; on one gateway and on two.
crowd     A key sends 1,000 requests at once, for one user or for 1,000 that it invents: the callers
          of other keys must not wait longer for the second than for the first.
slowloris  500 connections that send their headers or bodies drop by drop: somebody else's requests
          must not take twice as long.

  --streams N    restart: streams at any time (default 200)
  --long         restart: streams of 60 s instead of 10 s
  --short-drain  restart: workers may not finish what runs
  --seconds N    kill, soak, stopped, poison: how long (default 120, from 10; a soak from 90; a stop
                 180, from 20; a poison 60); overload, retry-after: how long the overload lasts
                 (default 60, from 10; default 10, from 3 to 12)
  --runs N       kill: background runs at any time (default 50)
  --replicas N   kill: 1 nats-server (default), or 3 with a replica of everything on each; then
                 those are killed that lead a stream or a consumer
  --seed N       repeats a drill's decisions; times still differ (default: a new one)
  --log FILE     write every line that any of the processes prints to this file
  --json         end with one JSON object on stdout; everything else goes to stderr
  --help         this text

Exits with 1 when a promise was broken; each violation is printed with its evidence.
`;

const FLAGS = {
  streams: 'string',
  long: 'boolean',
  'short-drain': 'boolean',
  seconds: 'string',
  runs: 'string',
  replicas: 'string',
  seed: 'string',
  log: 'string',
  json: 'boolean',
} as const;
const COUNT = { min: 1, max: 2_000 };
const SECONDS = { min: 10, max: 86_400 };
/** The idempotency keys of a soak come and go once a minute. */
const SOAK_SECONDS = { ...SECONDS, min: 90 };
/** Until others have taken over. */
const STOPPED_SECONDS = { ...SECONDS, min: 20 };
const OVERLOAD_SECONDS = { ...SECONDS, max: 3_600 };
/** Those who were refused come back for half of the capacity, and are told a minute at most. */
const RETRY_AFTER_SECONDS = { min: 3, max: 12 };
const SEED = { min: 0, max: 2 ** 32 - 1 };

/** Reads the command line; 'help' when that is what was asked for. @throws UsageError */
export function readOptions(argv: readonly string[]): DrillOptions | 'help' {
  const read = readArguments(argv, FLAGS);
  if (read === 'help') return 'help';
  const { flags, words } = read;
  const [word, ...more] = words;
  const drill = DRILL_NAMES.find((name) => name === word);
  if (drill === undefined || more.length > 0) {
    throw new UsageError(`Name one drill: ${DRILL_NAMES.join(', ')}.`);
  }
  const { fallback, range } = secondsOf(drill);
  return {
    drill,
    streams: wholeNumber('--streams', flags.streams ?? '200', COUNT),
    streamSeconds: flags.long === true ? 60 : 10,
    shortDrain: flags['short-drain'] === true,
    seconds: wholeNumber('--seconds', flags.seconds ?? fallback, range),
    runs: wholeNumber('--runs', flags.runs ?? '50', COUNT),
    replicas: replicasOf(flags.replicas),
    seed: wholeNumber('--seed', flags.seed ?? String(newSeed()), SEED),
    log: flags.log,
    json: flags.json ?? false,
  };
}

function secondsOf(drill: DrillName): { fallback: string; range: typeof SECONDS } {
  if (drill === 'stopped') return { fallback: '180', range: STOPPED_SECONDS };
  if (drill === 'poison') return { fallback: '60', range: SECONDS };
  if (drill === 'overload') return { fallback: '60', range: OVERLOAD_SECONDS };
  if (drill === 'retry-after') return { fallback: '10', range: RETRY_AFTER_SECONDS };
  return { fallback: '120', range: drill === 'soak' ? SOAK_SECONDS : SECONDS };
}

function replicasOf(flag = '1'): 1 | 3 {
  if (flag !== '1' && flag !== '3') throw new UsageError('--replicas must be 1 or 3.');
  return flag === '1' ? 1 : 3;
}

function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
