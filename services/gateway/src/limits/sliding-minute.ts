/**
 * The sliding minute, from two fixed ones: what the minute before used counts by the share of it
 * that the last 60 s still cover, what this minute used counts in full. Whole numbers only, so that
 * what fits is exact. Times are milliseconds, `elapsedMs` since this minute began.
 */

export const MINUTE_MS = 60_000;

/** What counts at one moment, in any unit: two totals and how far this minute has gone. */
export interface Minute {
  readonly previous: number;
  readonly current: number;
  readonly elapsedMs: number;
}

/** The number of the minute at `nowMs`, since 1970. */
export const minuteOf = (nowMs: number): number => Math.floor(nowMs / MINUTE_MS);

/** What the last 60 s used, rounded up. */
export function usedIn({ previous, current, elapsedMs }: Minute): number {
  return Math.ceil((previous * (MINUTE_MS - elapsedMs)) / MINUTE_MS) + current;
}

/** Whether the last 60 s used no more than `limit`. */
export function isWithin({ previous, current, elapsedMs }: Minute, limit: number): boolean {
  return previous * (MINUTE_MS - elapsedMs) <= (limit - current) * MINUTE_MS;
}

/**
 * How long until `amount` more fits, if nothing else is used meanwhile; 0: it does now.
 * `amount` must not exceed `limit`: that would never fit.
 */
export function roomInMs(minute: Minute, amount: number, limit: number): number {
  const { previous, current, elapsedMs } = minute;
  const leftMs = MINUTE_MS - elapsedMs;
  const free = limit - current - amount;
  if (free >= 0) return Math.max(0, fadesInMs(previous, leftMs, free));
  // Not before this minute is the one before.
  return leftMs + fadesInMs(current, MINUTE_MS, limit - amount);
}

/** How long until nothing that was used up to now counts. */
export function emptyInMs({ previous, current, elapsedMs }: Minute): number {
  const leftMs = MINUTE_MS - elapsedMs;
  if (current > 0) return leftMs + MINUTE_MS;
  return previous > 0 ? leftMs : 0;
}

/** How long until a minute's `used`, of which `leftMs` are covered, counts for `free` at most. */
function fadesInMs(used: number, leftMs: number, free: number): number {
  return used <= 0 ? 0 : Math.ceil(leftMs - (free * MINUTE_MS) / used);
}
