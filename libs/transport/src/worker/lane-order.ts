/**
 * The order in which a look asks the lanes. Lane 1 first, so that everybody's first request goes
 * before anybody's second; but against starvation in a long overload one look in eight begins with
 * a higher lane that no normal look has reached for some seconds.
 *
 * Refused: every eighth look from the last lane up. It rewarded the user who floods.
 */
import { type Lane, LANES } from '@switchboard/contract';

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

  /** The starved lane that one look begins with, if it is such a look: one request of it. */
  relief(): Lane | undefined {
    this.#looks += 1;
    return this.#looks % RELIEF_EVERY_LOOKS === 0 ? this.#starvedLane() : undefined;
  }

  /** A look came to this lane in its turn. */
  reached(lane: Lane): void {
    this.#reachedAtMs.set(lane, this.#now());
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
