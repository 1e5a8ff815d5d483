/**
 * The order in which a look asks the lanes. Lane 1 first, so that everybody's first request goes
 * before anybody's second; but against starvation in a long overload one look in eight begins with
 * a higher lane that no normal look has reached for some seconds.
 *
 * Refused: every eighth look from the last lane up. It rewarded the user who floods.
 */
import { type Lane, LANES } from '@switchboard/contract';

export interface LaneAsk {
  readonly lane: Lane;
  /** Most requests to take from it in this look. */
  readonly most: number;
}

const RELIEF_EVERY_LOOKS = 8;
const STARVED_AFTER_MS = 3_000;

export class LaneOrder {
  readonly #now: () => number;
  readonly #reachedAtMs = new Map<Lane, number>();
  #looks = 0;
  #turn = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    for (const lane of LANES) this.#reachedAtMs.set(lane, now());
  }

  /** The lanes of one look. Taking an item means that this lane is asked now. */
  *next(): Generator<LaneAsk> {
    this.#looks += 1;
    if (this.#looks % RELIEF_EVERY_LOOKS === 0) {
      const starved = this.#starvedLane();
      if (starved !== undefined) yield { lane: starved, most: 1 };
    }
    for (const lane of LANES) {
      this.#reachedAtMs.set(lane, this.#now());
      yield { lane, most: Number.MAX_SAFE_INTEGER };
    }
  }

  /** Lanes 2, 3 and 4 take turns. */
  #starvedLane(): Lane | undefined {
    const higher = LANES.slice(1);
    for (let step = 0; step < higher.length; step++) {
      const lane = higher[(this.#turn + step) % higher.length];
      if (lane === undefined) continue;
      if (this.#now() - (this.#reachedAtMs.get(lane) ?? 0) > STARVED_AFTER_MS) {
        this.#turn = (this.#turn + step + 1) % higher.length;
        return lane;
      }
    }
    return undefined;
  }
}
