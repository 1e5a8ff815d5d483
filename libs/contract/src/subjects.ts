/**
 * Every NATS subject and stream name of Switchboard, in one place.
 *
 * Tokens never hold `.`, `*`, `>` or white space (NATS subject rules), so identities are hashed
 * before they become a token and pool names are checked by {@link isToken}.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';

/** Priority classes of requests: shares of the slots, never one strictly before the other. */
export const PRIORITIES = ['high', 'normal'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Lanes are asked in this order by a free slot. */
export const LANES = [1, 2, 3, 4] as const;
export type Lane = (typeof LANES)[number];

/** So many slots go to requests of high priority for each that goes to a normal one. */
export const HIGH_TO_NORMAL = 4;

/** Stream that captures the run events of all gateways. */
export const EVENTS_STREAM = 'EVENTS';
/** Stream of requests that were given up after too many attempts or could not be read. */
export const DEAD_LETTERS_STREAM = 'DEAD_LETTERS';

export const EVENTS_SUBJECTS = 'events.>';
export const DEAD_LETTERS_SUBJECTS = 'deadletters.>';
export const CANCEL_SUBJECTS = 'cancel.*';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether `value` may stand as one subject token: 1 to 64 of letters, digits, `_` and `-`. */
export function isToken(value: string): boolean {
  return TOKEN.test(value);
}

/**
 * The lane of a user's k-th outstanding request: 1 -> 1, 2-3 -> 2, 4-7 -> 3, 8 and above -> 4.
 *
 * Users that an account acts for begin in lane 3, and go on in lane 4: the first of each still goes
 * before the second of any, but an account that invents a thousand users stands behind the first
 * three requests of every other, as if the thousand were one user's. Refused: to count what the
 * account has outstanding. The lane would no longer follow from the rank, so that two requests
 * could have one rank, and the bound of a user would not be exact.
 */
export function laneOf({ account, user, rank }: Omit<QueuePlace, 'priority'>): Lane {
  if (account !== user) return rank <= 1 ? 3 : 4;
  if (rank <= 1) return 1;
  if (rank <= 3) return 2;
  return rank <= 7 ? 3 : 4;
}

/** The subject token of an identity: 16 base64url characters (96 bits) of its SHA-256. */
export function userToken(identity: string): string {
  return createHash('sha256').update(identity).digest('base64url').slice(0, 16);
}

/** A fresh token for one gateway process, part of every run id it makes: 10 hex digits. */
export function newGatewayToken(): string {
  return randomBytes(5).toString('hex');
}

/**
 * A fresh run id: `<gateway>_<22 hex digits>`. Anybody who holds it can name the run's subjects.
 */
export function newRunId(gateway: string): string {
  // randomUUID draws from a pool; randomBytes would ask the system for every request.
  return `${gateway}_${randomUUID().replaceAll('-', '').slice(0, 22)}`;
}

/** The gateway token inside a run id, or undefined when `run` is not a run id. */
export function gatewayOf(run: string): string | undefined {
  const match = /^([A-Za-z0-9-]{1,32})_[0-9a-f]{22}$/.exec(run);
  return match?.[1];
}

export const requestsStream = (pool: string): string => `REQUESTS_${pool}`;
export const requestSubjects = (pool: string): string => `requests.${pool}.>`;
/** The same subjects written with single wildcards: what `republish` accepts as a source. */
export const requestSubjectsExact = (pool: string): string => `requests.${pool}.*.*.*.*.*`;
/** Rung for a request that was stored in, or given back to, this lane. */
export const doorbellSubject = (pool: string, priority: Priority, lane: Lane): string =>
  `doorbell.${pool}.${priority}.${lane}`;
/** All rings of a pool. */
export const doorbellSubjects = (pool: string): string => `doorbell.${pool}.>`;
/** What the server makes of {@link requestSubjectsExact} when it rings. */
export const doorbellRepublished = (pool: string): string =>
  `doorbell.${pool}.{{wildcard(1)}}.{{wildcard(2)}}`;
/** Rung for a request that was given back, to whichever lane. */
export const doorbellAgain = (pool: string): string => `doorbell.${pool}.again`;
export type LaneName = `${Priority}${Lane}`;
export const laneConsumer = (priority: Priority, lane: Lane): LaneName => `${priority}${lane}`;
export const laneFilter = (pool: string, priority: Priority, lane: Lane): string =>
  `requests.${pool}.${priority}.${lane}.>`;
export const userFilter = (pool: string, user: string): string =>
  `requests.${pool}.*.*.*.${user}.*`;
export const accountFilter = (pool: string, account: string): string =>
  `requests.${pool}.*.*.${account}.>`;

/** Where a request stands in the queue. */
export interface QueuePlace {
  readonly priority: Priority;
  /** Token of the account that it counts for, together with all users that this one acts for. */
  readonly account: string;
  /** Token of the identity that waits in turn. */
  readonly user: string;
  /** It is the user's so-manieth outstanding request, from 1. */
  readonly rank: number;
}

export function requestSubject(pool: string, place: QueuePlace): string {
  const { priority, account, user, rank } = place;
  return `requests.${pool}.${priority}.${laneOf(place)}.${account}.${user}.${rank}`;
}

/**
 * What stands in a request's subject, or undefined when it is none. The lane is the one that it was
 * put in, by whatever version.
 */
export function placeOf(subject: string): (QueuePlace & { readonly lane: Lane }) | undefined {
  const [first, , priorityToken, laneToken, account, user, last] = subject.split('.');
  const priority = PRIORITIES.find((each) => each === priorityToken);
  const lane = LANES.find((each) => String(each) === laneToken);
  const rank = rankOf(subject);
  if (first !== 'requests' || last === undefined) return undefined;
  if (priority === undefined || lane === undefined || rank === undefined) return undefined;
  if (account === undefined || user === undefined) return undefined;
  return { priority, lane, account, user, rank };
}

/** The rank at the end of a request subject, or undefined when it holds none. */
export function rankOf(subject: string): number | undefined {
  const rank = Number(subject.slice(subject.lastIndexOf('.') + 1));
  return Number.isSafeInteger(rank) && rank > 0 ? rank : undefined;
}

/**
 * What callers have used is counted in spans: `window` is the number of the minute, or of the UTC
 * day, since 1970.
 */
export type CounterSpan = 'minute' | 'day';
export const countersStream = (span: CounterSpan): string => `COUNTERS_${span}`;
export const counterSubjects = (span: CounterSpan): string => `counters.${span}.>`;
export const counterSubject = (span: CounterSpan, user: string, window: number): string =>
  `counters.${span}.${user}.${window}`;

/** What outlives a run is kept in buckets, which are streams of their own. */
export const BUCKETS = ['responses', 'idempotency', 'inputs'] as const;
export const bucketStream = (name: string): string => `KV_${name}`;
export const bucketSubject = (name: string, key: string): string => `$KV.${name}.${key}`;

/** Hands the ends of all runs to the gateways, each to one of them. */
export const RECORDER_CONSUMER = 'recorder';

/** Of all runs of all gateways: claims, what attempts say, and ends. */
export const CLAIM_SUBJECTS = 'events.*.*.claim';
export const LOG_SUBJECTS = 'events.*.*.log.*';
export const END_SUBJECTS = 'events.*.*.end';

/** Written by a gateway whose runs say nothing for long: no run's, and nobody reads it. */
export const warmthSubject = (gateway: string): string => `events.${gateway}.warmth`;
export const WARMTH_SUBJECTS = 'events.*.warmth';

/** Said by each gateway every few seconds, with the runs of others that it has readers of. */
export const aliveSubject = (gateway: string): string => `alive.${gateway}`;
export const ALIVE_SUBJECTS = 'alive.*';
/** Said by a gateway that has a reader of a run. */
export const readersSubject = (run: string): string => `readers.${run}`;
export const READERS_SUBJECTS = 'readers.*';

/** Said by each worker, at least every two seconds; `worker` is its token, made at its start. */
export const fleetSubject = (pool: string, worker: string): string => `fleet.${pool}.${worker}`;
export const fleetSubjects = (pool: string): string => `fleet.${pool}.*`;
/** Said by a gateway that wants to know at once which workers there are. */
export const FLEET_ASK = 'fleet-ask';

/** Said by gateways among themselves: places told to refused callers, and taken. */
export const reservationsSubject = (pool: string): string => `reservations.${pool}`;

/**
 * What `EVENTS` has stored is said again by the server under these subjects: in the order of the
 * log, and only what is in it. A claim or an end that was refused is never heard there.
 */
export const LIVE_SUBJECTS = 'live.>';
/** All live events of one gateway's runs. */
export const gatewayLive = (gateway: string): string => `live.${gateway}.>`;
/** All live events of one run. */
export const runLive = (run: string): string => `live.${eventsToken(run)}.${run}.>`;
/** Who runs it: one `started` for each attempt. */
export const runClaim = (run: string): string => `events.${eventsToken(run)}.${run}.claim`;
/** The end of a run: at most one message, ever. */
export const runEnd = (run: string): string => `events.${eventsToken(run)}.${run}.end`;
/**
 * Claims and end: what an end is compared against. The log is one level deeper, so that nothing an
 * attempt says late can make its end pass after somebody else's.
 */
export const runState = (run: string): string => `events.${eventsToken(run)}.${run}.*`;
/** What one attempt says between its claim and the end: deltas, signs of life, a hand-back. */
export const runLog = (run: string, attempt: number): string =>
  `events.${eventsToken(run)}.${run}.log.${attempt}`;
/** All of a run: what a claim is compared against, and what readers read. */
export const runEvents = (run: string): string => `events.${eventsToken(run)}.${run}.>`;
export const cancelSubject = (run: string): string => `cancel.${run}`;
/** Where a run's request is kept when it was given up; all replays of one run share its place. */
export const deadLetterSubject = (pool: string, run?: string): string =>
  `deadletters.${pool}.${run === undefined ? 'unreadable' : originOf(run).run}`;
/** All letters of a pool. */
export const deadLetterSubjects = (pool: string): string => `deadletters.${pool}.*`;
/** The letters of a run and its replays, of any pool. */
export const runLetters = (run: string): string => `deadletters.*.${originOf(run).run}`;

/** Stands before the token of the gateway in the id of a replay. */
const REPLAY = /^replay([1-9]\d{0,2})-(.+)$/;

/**
 * The run that a replay stands in for, and the how-manieth replay it is; 0: it is no replay, but
 * that run itself.
 */
export function originOf(run: string): { readonly run: string; readonly replay: number } {
  const [, replay, origin] = REPLAY.exec(run) ?? [];
  if (replay === undefined || origin === undefined || gatewayOf(origin) === undefined) {
    return { run, replay: 0 };
  }
  return { run: origin, replay: Number(replay) };
}

/**
 * The id of a run's replay, from 1. Anybody who knows the run can name its replays. Undefined when
 * there can be none: of what is no run id, or after the 999th.
 */
export function replayOf(run: string, replay: number): string | undefined {
  const id = `replay${replay}-${run}`;
  return gatewayOf(id) !== undefined && originOf(id).run === run ? id : undefined;
}

function eventsToken(run: string): string {
  const gateway = gatewayOf(run);
  if (gateway === undefined) throw new TypeError('not a run id');
  return gateway;
}
