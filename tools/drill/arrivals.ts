/** Callers who come as they like, whatever the system does: an open load. */
import { setTimeout as delay } from 'node:timers/promises';

import type { SeededRandom } from '@switchboard/testkit';

/**
 * Times of independent arrivals (a Poisson process), milliseconds from 0 to `untilMs`.
 *
 * @param ratePerSecond how many come in a second, on average
 */
export function* arrivals(
  random: SeededRandom,
  ratePerSecond: number,
  untilMs: number,
): Generator<number> {
  for (let atMs = 0; ;) {
    atMs += (-Math.log(1 - random.next()) * 1_000) / ratePerSecond;
    if (atMs >= untilMs) return;
    yield atMs;
  }
}

/** Calls `arrive` at each of the times, counted from now; one that is late comes at once. */
export async function atTimes(times: Iterable<number>, arrive: () => void): Promise<void> {
  const startMs = performance.now();
  for (const atMs of times) {
    const waitMs = startMs + atMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    arrive();
  }
}
