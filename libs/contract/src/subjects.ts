/**
 * Every NATS subject and stream name of Switchboard, in one place.
 *
 * Tokens never hold `.`, `*`, `>` or white space (NATS subject rules), so identities are hashed
 * before they become a token and pool names are checked by {@link isToken}.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';

/** Priority class of a request. One class exists until priorities come. */
export const REQUEST_CLASS = 'normal';

/** Lanes are asked in this order by a free slot. */
export const LANES = [1, 2, 3, 4] as const;
export type Lane = (typeof LANES)[number];

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

/** The lane of a user's k-th outstanding request: 1 -> 1, 2-3 -> 2, 4-7 -> 3, 8 and above -> 4. */
export function laneOf(rank: number): Lane {
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
export const requestSubjectsExact = (pool: string): string => `requests.${pool}.*.*.*.*`;
export const doorbellSubject = (pool: string): string => `doorbell.${pool}`;
export const laneConsumer = (lane: Lane): string => `lane${lane}`;
export const laneFilter = (pool: string, lane: Lane): string => `requests.${pool}.*.${lane}.>`;
export const userFilter = (pool: string, user: string): string => `requests.${pool}.*.*.${user}.*`;

export function requestSubject(pool: string, user: string, rank: number): string {
  return `requests.${pool}.${REQUEST_CLASS}.${laneOf(rank)}.${user}.${rank}`;
}

/** The rank at the end of a request subject, or undefined when it holds none. */
export function rankOf(subject: string): number | undefined {
  const rank = Number(subject.slice(subject.lastIndexOf('.') + 1));
  return Number.isSafeInteger(rank) && rank > 0 ? rank : undefined;
}

/** Said by each gateway every few seconds, with the runs of others that it has readers of. */
export const aliveSubject = (gateway: string): string => `alive.${gateway}`;
export const ALIVE_SUBJECTS = 'alive.*';
/** Said by a gateway that has a reader of a run. */
export const readersSubject = (run: string): string => `readers.${run}`;

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
export const deadLetterSubject = (pool: string): string => `deadletters.${pool}`;

function eventsToken(run: string): string {
  const gateway = gatewayOf(run);
  if (gateway === undefined) throw new TypeError('not a run id');
  return gateway;
}
