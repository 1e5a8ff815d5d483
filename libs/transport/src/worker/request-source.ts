/**
 * Where the slots of one worker get their requests: one look for all idle slots, lane by lane, and
 * one doorbell for all of them.
 *
 * - S1 nothing is prefetched: a pull asks for no more messages than there are idle slots, and what
 *   a lane gives although a lane before it filled the slots goes back within one round trip.
 * - S2 while a slot is idle, either a look is going on, or the doorbell is armed and a look after
 *   arming it found nothing.
 * - S3 a message that comes when no slot waits any more is given back, and somebody is woken.
 */
import { type Lane, LANES, toError } from '@switchboard/contract';
import type { TaskSource } from '@switchboard/pool';
import { type NatsLink } from '../link/nats-link.ts';
import type { TransportLog } from '../link/log.ts';
import { type Delivery, giveBack } from './delivery.ts';
import { Doorbell } from './doorbell.ts';
import { LaneOrder } from './lane-order.ts';
import { LanePulls } from './lane-pulls.ts';

/**
 * Nobody rings when a dead worker's request comes back, so an idle worker looks again this often.
 */
const SAFETY_LOOK_MS = 1_000;
/** When to look again after a ring that led to nothing. */
const AFTER_RING_MS = [1, 10, 50] as const;
/**
 * Up to so many idle slots, lanes that were empty the last time are asked together with the next
 * one: most often they still are, and one round trip does for four. With more slots than that too
 * much would have to go back when they are not.
 */
const TOGETHER_MAX = 2;
/** After a pull that failed, or while disconnected. */
const RETRY_MS = 200;

interface Waiter {
  resolve(delivery: Delivery | undefined): void;
  leaving: boolean;
}

export interface RequestSourceOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Called when a pull is refused: the consumers may be gone. `ready` is false from then on. */
  readonly onRefused: (reason: string) => void;
  readonly log: TransportLog;
}

export class RequestSource implements TaskSource<Delivery> {
  readonly #options: RequestSourceOptions;
  readonly #bell: Doorbell;
  readonly #lanes = new LaneOrder();
  readonly #waiters: Waiter[] = [];
  readonly #removeListener: () => void;
  readonly #pulls: LanePulls;
  #looping = false;
  /** Lanes that were found empty the last time they were asked. */
  readonly #empty = new Set<Lane>();
  /** Whether the bell has rung since the last look began. */
  #rung = false;
  /** Whether the last look left a slot waiting. */
  #idle = false;
  #ready = false;
  #woken = Promise.withResolvers<void>();

  constructor(options: RequestSourceOptions) {
    this.#options = options;
    this.#bell = new Doorbell(options.link, options.pool, () => {
      this.#rung = true;
      this.#wake();
    });
    this.#pulls = new LanePulls({
      ...options,
      onRefused: (reason) => {
        this.#ready = false;
        options.onRefused(reason);
      },
      onStray: (delivery) => this.#hand(delivery),
    });
    this.#removeListener = options.link.listen({
      up: () => this.#wake(),
      down: () => this.#abandon(),
    });
  }

  /** Whether the pool's consumers exist: until then nothing is pulled. */
  set ready(ready: boolean) {
    this.#ready = ready;
    this.#wake();
  }

  take(stop: AbortSignal): Promise<Delivery | undefined> {
    if (stop.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        leaving: false,
        resolve: (delivery) => {
          stop.removeEventListener('abort', leave);
          resolve(delivery);
        },
      };
      const leave = (): void => {
        waiter.leaving = true;
        // A pull that is under way may still bring something for this slot.
        if (this.#pulls.quiet) this.#dismissLeaving();
        this.#wake();
      };
      stop.addEventListener('abort', leave);
      this.#waiters.push(waiter);
      if (!this.#looping) void this.#loop();
    });
  }

  /** Wakes one idle worker, this one or another: a request was given back. */
  ring(): void {
    this.#bell.ring();
  }

  close(): void {
    this.#removeListener();
    this.#abandon();
    this.#bell.leave();
  }

  /** Runs while slots wait. */
  async #loop(): Promise<void> {
    this.#looping = true;
    while (this.#waiters.length > 0) {
      try {
        await this.#step();
      } catch (error) {
        this.#options.log.warn({ reason: toError(error).message }, 'pull failed; trying again');
        await this.#sleep(RETRY_MS);
      }
      this.#dismissLeaving();
    }
    this.#bell.leave();
    // It rang during the look that filled the last slot: what it rang for may still wait.
    if (this.#rung) this.#bell.ring();
    this.#rung = false;
    this.#looping = false;
  }

  async #step(): Promise<void> {
    const { link } = this.#options;
    if (!link.connected || !this.#ready) return this.#sleep(RETRY_MS);
    const answering = this.#rung;
    const waiting = this.#waiters.length;
    // A worker that was idle will most likely be idle again after this look: armed before it, one
    // look is enough. A busy one does not arm for a slot that is taken again at once.
    const armed = this.#idle;
    if (armed) this.#bell.arm();
    let exhausted = await this.#look();
    if (this.#waiters.length > 0 && exhausted && !armed) {
      this.#bell.arm();
      exhausted = await this.#look();
    }
    this.#idle = exhausted && this.#waiters.length > 0;
    if (!this.#idle) return;
    if (answering && this.#waiters.length >= waiting) await this.#lookAgain();
    // Not armed here: it rang while the look was under way.
    else if (this.#bell.armed) await this.#sleep(SAFETY_LOOK_MS);
  }

  /**
   * It rang, and nothing was there. Somebody else may have been faster; or the ring was: the server
   * rings when a request is stored, and tells its consumers a moment later (on replicas, much
   * later).
   */
  async #lookAgain(): Promise<void> {
    for (const delayMs of AFTER_RING_MS) {
      if (this.#rung) return;
      await this.#sleep(delayMs);
      // The bell is armed for one ring: the next step arms it again.
      if (this.#rung) return;
      const waiting = this.#waiters.length;
      if (waiting === 0) return;
      await this.#look();
      if (this.#waiters.length < waiting) return;
    }
  }

  /**
   * Asks the lanes for as many requests as slots wait, in order; slots that come free meanwhile are
   * served in the same look. @returns whether every lane was found empty at its turn.
   */
  async #look(): Promise<boolean> {
    this.#rung = false;
    const starved = this.#lanes.relief();
    if (starved !== undefined && this.#waiting() > 0) {
      await this.#pulls.pull(starved, 1, (delivery) => this.#hand(delivery));
    }
    for (let next = 0; next < LANES.length;) {
      const wanted = this.#waiting();
      if (wanted === 0) return false;
      const lanes = this.#together(next, wanted);
      const last = lanes.at(-1);
      await this.#ask(lanes, wanted);
      this.#dismissLeaving();
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
        if (this.#waiting() > 0) this.#lanes.reached(lane);
        for (const delivery of held[index]?.splice(0) ?? []) this.#hand(delivery);
        await answers[index];
      }
    } finally {
      // One that failed leaves the others to end by themselves; what they brought is not lost.
      await settled;
      for (const delivery of held.flat()) this.#hand(delivery);
    }
  }

  #waiting(): number {
    return this.#waiters.filter((waiter) => !waiter.leaving).length;
  }

  /** Gives it to a slot that waits (S3). */
  #hand(delivery: Delivery): void {
    const index = this.#waiters.findIndex((waiter) => !waiter.leaving);
    const waiter = this.#waiters.splice(Math.max(index, 0), 1)[0];
    if (waiter !== undefined) return waiter.resolve(delivery);
    giveBack(this.#options.link, delivery.reply, 0);
    this.#bell.ring();
  }

  #dismissLeaving(): void {
    for (let index = this.#waiters.length - 1; index >= 0; index--) {
      const waiter = this.#waiters[index];
      if (waiter?.leaving !== true) continue;
      this.#waiters.splice(index, 1);
      waiter.resolve(undefined);
    }
  }

  /** The connection went: pulls in flight would hang, and late replies are not to be rescued. */
  #abandon(): void {
    this.#bell.leave();
    this.#pulls.abandon('the connection was lost');
    this.#wake();
  }

  #wake(): void {
    this.#woken.resolve();
  }

  /** Sleeps until woken, at most `ms`. */
  async #sleep(ms: number): Promise<void> {
    this.#woken = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#woken.resolve(), ms);
    await this.#woken.promise;
    clearTimeout(timer);
  }
}
