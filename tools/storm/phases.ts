/** How much is asked for, and by whom. */
import type { SeededRandom } from '@switchboard/testkit';

/**
 * - `mixed`: known users at random, many requests each.
 * - `newcomers`: nearly everybody comes once, so the load is on the first lane.
 * - `hoarders`: a few users keep as many requests outstanding as they may.
 */
export type Crowd = 'mixed' | 'newcomers' | 'hoarders';

export interface Phase {
  readonly crowd: Crowd;
  /** Work that is asked for, as a share of what all slots can do. */
  readonly load: number;
  readonly seconds: number;
}

const DECK: readonly Omit<Phase, 'seconds'>[] = [
  { crowd: 'mixed', load: 0.5 },
  { crowd: 'mixed', load: 0.8 },
  { crowd: 'mixed', load: 1 },
  { crowd: 'mixed', load: 1.3 },
  { crowd: 'newcomers', load: 0.95 },
  { crowd: 'newcomers', load: 1.2 },
  // The hoarders alone fill all slots; this is what the others add.
  { crowd: 'hoarders', load: 0.5 },
];
const SECONDS_MIN = 5;
const SECONDS_MAX = 12;

/** Phases for ever; each comes once before one comes again. */
export function* phases(random: SeededRandom): Generator<Phase> {
  for (;;) {
    for (const phase of random.shuffle(DECK)) {
      yield { ...phase, seconds: random.int(SECONDS_MIN, SECONDS_MAX) };
    }
  }
}
