/** One look at a time for all idle slots of the worker, lane by lane. */
import { type Lane, LANES } from '@switchboard/contract';
import type { Delivery } from './delivery.ts';
import { LaneOrder } from './lane-order.ts';
import type { LanePulls } from './lane-pulls.ts';
import type { WaitingSlots } from './waiting-slots.ts';

/**
 * Up to so many idle slots, lanes that were empty the last time are asked together with the next
 * one: most often they still are, and one round trip does for four. With more slots than that too
 * much would have to go back when they are not.
 */
const TOGETHER_MAX = 2;

export interface LaneLooksOptions {
  readonly pulls: LanePulls;
  readonly slots: WaitingSlots;
  readonly hand: (delivery: Delivery) => void;
}

export class LaneLooks {
  readonly #pulls: LanePulls;
  readonly #slots: WaitingSlots;
  readonly #hand: (delivery: Delivery) => void;
  readonly #order = new LaneOrder();
  /** Lanes that were found empty the last time they were asked. */
  readonly #empty = new Set<Lane>();

  constructor({ pulls, slots, hand }: LaneLooksOptions) {
    this.#pulls = pulls;
    this.#slots = slots;
    this.#hand = hand;
  }

  /**
   * Asks the lanes for as many requests as slots wait, in order; slots that come free meanwhile are
   * served in the same look. @returns whether every lane was found empty at its turn.
   * @throws Error when a pull failed
   */
  async look(): Promise<boolean> {
    const starved = this.#order.relief();
    if (starved !== undefined && this.#slots.wanted > 0) {
      await this.#pulls.pull(starved, 1, this.#hand);
    }
    for (let next = 0; next < LANES.length;) {
      const { wanted } = this.#slots;
      if (wanted === 0) return false;
      const lanes = this.#together(next, wanted);
      const last = lanes.at(-1);
      await this.#ask(lanes, wanted);
      this.#slots.dismissLeaving();
      next += lanes.length;
      // A lane is left for the next one only when it had fewer than were asked for.
      if (last !== undefined && !this.#empty.has(last)) next -= 1;
    }
    return true;
  }

  /** The lanes from index `next` on that are asked at once: those thought empty, and one more. */
  #together(next: number, wanted: number): readonly Lane[] {
    if (wanted > TOGETHER_MAX) return LANES.slice(next, next + 1);
    const full = LANES.findIndex((lane, index) => index >= next && !this.#empty.has(lane));
    return LANES.slice(next, full < 0 ? LANES.length : full + 1);
  }

  /**
   * Asks several lanes for `wanted` requests each, and hands out what comes in the order of the
   * lanes: what a lane gives is held until the lanes before it have answered.
   */
  async #ask(lanes: readonly Lane[], wanted: number): Promise<void> {
    const held = lanes.map((): Delivery[] => []);
    let turn = 0;
    const answers = lanes.map(async (lane, index) => {
      const found = await this.#pulls.pull(lane, wanted, (delivery) => {
        if (index <= turn) this.#hand(delivery);
        else held[index]?.push(delivery);
      });
      if (found < wanted) this.#empty.add(lane);
      else this.#empty.delete(lane);
    });
    // Listened to from the start: a lane may fail while another one is waited for.
    const settled = Promise.allSettled(answers);
    try {
      for (const [index, lane] of lanes.entries()) {
        turn = index;
        if (this.#slots.wanted > 0) this.#order.reached(lane);
        for (const delivery of held[index]?.splice(0) ?? []) this.#hand(delivery);
        await answers[index];
      }
    } finally {
      // One that failed leaves the others to end by themselves; what they brought is not lost.
      await settled;
      for (const delivery of held.flat()) this.#hand(delivery);
    }
  }
}
