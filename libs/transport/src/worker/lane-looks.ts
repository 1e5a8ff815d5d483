/** One look at a time for all idle slots of the worker, lane by lane. */
import {
  type Lane,
  laneConsumer,
  type LaneName,
  LANES,
  placeOf,
  PRIORITIES,
  type Priority,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { ClassTurns } from './class-turns.ts';
import type { Delivery } from './delivery.ts';
import { HighLanes } from './high-lanes.ts';
import { LaneOrder } from './lane-order.ts';
import type { LanePulls } from './lane-pulls.ts';
import type { WaitingSlots } from './waiting-slots.ts';

/**
 * Up to so many idle slots, lanes that were empty the last time are asked together with the next
 * one: most often they still are, and one round trip does for all. With more slots than that too
 * much would have to go back when they are not.
 */
const TOGETHER_MAX = 2;

export interface LaneLooksOptions {
  readonly link: NatsLink;
  readonly pool: string;
  readonly pulls: LanePulls;
  readonly slots: WaitingSlots;
  /** Gives it to a slot. @returns false: no slot waited, and it was given back */
  readonly hand: (delivery: Delivery) => boolean;
}

interface Place {
  readonly priority: Priority;
  readonly lane: Lane;
  readonly name: LaneName;
}

interface Asked {
  readonly place: Place;
  readonly batch: number;
}

/** The lanes that a look has not yet found empty, best first. */
type Left = Record<Priority, readonly Place[]>;

export class LaneLooks {
  readonly #pulls: LanePulls;
  readonly #slots: WaitingSlots;
  readonly #hand: (delivery: Delivery) => boolean;
  readonly #highLanes: HighLanes;
  readonly #turns = new ClassTurns();
  readonly #orders = { high: new LaneOrder(), normal: new LaneOrder() };
  /** Lanes that were found empty the last time they were asked, and not rung for since. */
  readonly #empty = new Set<LaneName>();

  constructor({ link, pool, pulls, slots, hand }: LaneLooksOptions) {
    this.#pulls = pulls;
    this.#slots = slots;
    this.#hand = hand;
    this.#highLanes = new HighLanes({ link, pool, onRing: (lane) => this.#filled(lane) });
  }

  /** The bell rang, with this subject. */
  rang(subject: string): void {
    const lane = this.#highLanes.rang(subject);
    if (lane !== undefined) this.#filled(lane);
  }

  /** Forgets what it has heard: the connection is lost, or nobody looks any more. */
  close(): void {
    this.#highLanes.close();
  }

  /**
   * Asks the lanes for as many requests as slots wait: the class first whose turn it is, and each
   * class lane by lane. Slots that come free meanwhile are served in the same look. @returns
   * whether every lane was found empty at its turn. @throws Error when a pull failed
   */
  async look(): Promise<boolean> {
    const emptied = new Set<LaneName>();
    await this.#relieve(this.#left(emptied));
    for (;;) {
      // Anew each time: it may have rung for a high lane that was left out so far.
      const left = this.#left(emptied);
      for (const priority of PRIORITIES) {
        if (left[priority].length === 0) this.#turns.nothingOf(priority);
      }
      const { wanted } = this.#slots;
      if (left.high.length + left.normal.length === 0) return true;
      if (wanted === 0) return false;
      await this.#ask(this.#together(left, wanted), emptied);
      this.#slots.dismissLeaving();
    }
  }

  #left(emptied: ReadonlySet<LaneName>): Left {
    const places = (priority: Priority, lanes: readonly Lane[]): readonly Place[] =>
      lanes
        .map((lane) => ({ priority, lane, name: laneConsumer(priority, lane) }))
        .filter(({ name }) => !emptied.has(name));
    return { high: places('high', this.#highLanes.open), normal: places('normal', LANES) };
  }

  /** Now and then a starved lane of a class gets one of the slots that are the class's turn. */
  async #relieve(left: Left): Promise<void> {
    const { wanted } = this.#slots;
    const high = this.#highAmong(wanted, left);
    for (const priority of PRIORITIES) {
      if (this.#slots.wanted === 0 || (priority === 'high' ? high : wanted - high) === 0) continue;
      const starved = this.#orders[priority].relief();
      const place = left[priority].find(({ lane }) => lane === starved);
      if (place !== undefined) await this.#pulls.pull(place.name, 1, (each) => this.#give(each));
    }
  }

  /** What is asked at once: lanes that are thought empty, and one more. */
  #together({ high, normal }: Left, wanted: number): readonly Asked[] {
    const turns = this.#highAmong(wanted, { high, normal });
    const order = turns > 0 ? [...high, ...normal] : [...normal, ...high];
    const most = turns > 0 && normal.length > 0 ? turns : wanted;
    if (wanted <= TOGETHER_MAX) {
      return this.#untilFull(order).map((place) => {
        return { place, batch: place.priority === 'high' ? most : wanted };
      });
    }
    // High lanes are asked although they are thought empty only to make sure: one of each will do.
    const places = turns > 0 ? this.#untilFull(high).slice(0, wanted) : [];
    if (places.length > 1) return places.map((place) => ({ place, batch: 1 }));
    return order.slice(0, 1).map((place) => ({ place, batch: most }));
  }

  /** The first of the places that may hold something, and all before it. */
  #untilFull(places: readonly Place[]): readonly Place[] {
    const full = places.findIndex(({ name }) => !this.#empty.has(name));
    return places.slice(0, full < 0 ? places.length : full + 1);
  }

  #filled(lane: Lane): void {
    this.#empty.delete(laneConsumer('high', lane));
  }

  #highAmong(wanted: number, { high }: Left): number {
    return high.length === 0 ? 0 : this.#turns.highAmong(wanted);
  }

  /**
   * Asks several lanes, and hands out what comes in the order of the lanes: what a lane gives is
   * held until the lanes before it have answered. Those that had less than was asked for are added
   * to `emptied`.
   */
  async #ask(asked: readonly Asked[], emptied: Set<LaneName>): Promise<void> {
    const held = asked.map((): Delivery[] => []);
    let turn = 0;
    const answers = asked.map(async ({ place, batch }, index) => {
      const askedAtMs = performance.now();
      const found = await this.#pulls.pull(place.name, batch, (delivery) => {
        if (index <= turn) this.#give(delivery);
        else held[index]?.push(delivery);
      });
      if (found < batch) emptied.add(place.name);
      this.#note(place, askedAtMs, found < batch);
    });
    // Listened to from the start: a lane may fail while another one is waited for.
    const settled = Promise.allSettled(answers);
    try {
      for (const [index, { place }] of asked.entries()) {
        turn = index;
        if (this.#slots.wanted > 0) this.#orders[place.priority].reached(place.lane);
        for (const delivery of held[index]?.splice(0) ?? []) this.#give(delivery);
        await answers[index];
      }
    } finally {
      // One that failed leaves the others to end by themselves; what they brought is not lost.
      await settled;
      for (const delivery of held.flat()) this.#give(delivery);
    }
  }

  #note({ name, priority, lane }: Place, askedAtMs: number, empty: boolean): void {
    if (empty) this.#empty.add(name);
    else this.#empty.delete(name);
    if (priority === 'high') this.#highLanes.asked(lane, askedAtMs, empty);
  }

  #give(delivery: Delivery): void {
    const priority = placeOf(delivery.subject)?.priority;
    if (this.#hand(delivery) && priority !== undefined) this.#turns.served(priority);
  }
}
