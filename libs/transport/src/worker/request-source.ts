/**
 * Where the slots of one worker get their requests: one look for all idle slots, lane by lane, and
 * one doorbell for all of them.
 *
 * - S1 nothing is prefetched: a pull asks for no more messages than there are idle slots, and what
 *   a lane gives although a lane before it filled the slots goes back within one round trip.
 * - S2 while a slot is idle, either a look is going on, or the doorbell is armed and a look after
 *   arming it found nothing.
 *   Of the high lanes a look may leave out those that `HighLanes` knows to be empty.
 * - S3 a message that comes when no slot waits any more is given back, and somebody is woken.
 * - S4 during a pause nothing is pulled or handed out, and nobody rings here: a suspect is to run
 *   alone (`run-gate.ts`). It is the one exception to S2.
 */
import { toError } from '@switchboard/contract';
import type { TaskSource } from '@switchboard/pool';
import type { NatsLink } from '../link/nats-link.ts';
import type { TransportLog } from '../link/log.ts';
import { type Delivery, giveBack } from './delivery.ts';
import { Doorbell } from './doorbell.ts';
import { LaneLooks } from './lane-looks.ts';
import { LanePulls } from './lane-pulls.ts';
import { WaitingSlots } from './waiting-slots.ts';

/**
 * Nobody rings when a dead worker's request comes back, so an idle worker looks again this often.
 */
const SAFETY_LOOK_MS = 1_000;
/** When to look again after a ring that led to nothing. */
const AFTER_RING_MS = [1, 10, 50] as const;
/** After a pull that failed, or while disconnected. */
const RETRY_MS = 200;

export interface RequestSourceOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Called when a pull is refused: the consumers may be gone. */
  readonly onRefused: (reason: string) => void;
  readonly log: TransportLog;
}

export class RequestSource implements TaskSource<Delivery> {
  readonly #options: RequestSourceOptions;
  readonly #bell: Doorbell;
  readonly #slots = new WaitingSlots();
  readonly #removeListener: () => void;
  readonly #pulls: LanePulls;
  readonly #looks: LaneLooks;
  #looping = false;
  /** The ring since the last look began. */
  #rung: string | undefined;
  /** Whether the last look left a slot waiting. */
  #idle = false;
  #ready = false;
  #woken = Promise.withResolvers<void>();

  constructor(options: RequestSourceOptions) {
    this.#options = options;
    this.#bell = new Doorbell(options.link, options.pool, (subject) => {
      this.#rung = subject;
      this.#looks.rang(subject);
      this.#wake();
    });
    this.#pulls = new LanePulls({
      ...options,
      onStray: (delivery) => void this.#hand(delivery),
    });
    this.#looks = new LaneLooks({
      ...options,
      pulls: this.#pulls,
      slots: this.#slots,
      hand: (delivery) => this.#hand(delivery),
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

  /** S4. Whoever was to be woken here is passed on. */
  set paused(paused: boolean) {
    this.#slots.paused = paused;
    if (paused) this.#bell.leave();
    this.#wake();
  }

  take(stop: AbortSignal): Promise<Delivery | undefined> {
    if (stop.aborted) return Promise.resolve(undefined);
    const taken = this.#slots.wait(stop, () => {
      // A pull that is under way may still bring something for this slot.
      if (this.#pulls.quiet) this.#slots.dismissLeaving();
      this.#wake();
    });
    if (!this.#looping) void this.#loop();
    return taken;
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
    while (this.#slots.size > 0) {
      try {
        await this.#step();
      } catch (error) {
        this.#options.log.warn({ reason: toError(error).message }, 'pull failed; trying again');
        await this.#sleep(RETRY_MS);
      }
      this.#slots.dismissLeaving();
    }
    this.#bell.leave();
    // It rang during the look that filled the last slot: what it rang for may still wait.
    if (this.#rung !== undefined) this.#bell.ring(this.#rung);
    this.#rung = undefined;
    this.#looping = false;
  }

  async #step(): Promise<void> {
    const { link } = this.#options;
    if (!link.connected || !this.#ready) return this.#sleep(RETRY_MS);
    if (this.#slots.paused) return this.#pause();
    const answering = this.#rung !== undefined;
    const waiting = this.#slots.size;
    // A worker that was idle will most likely be idle again after this look: armed before it, one
    // look is enough. A busy one does not arm for a slot that is taken again at once.
    const armed = this.#idle;
    if (armed) this.#bell.arm();
    let exhausted = await this.#look();
    if (this.#slots.size > 0 && exhausted && !armed) {
      this.#bell.arm();
      exhausted = await this.#look();
    }
    this.#idle = exhausted && this.#slots.size > 0;
    if (!this.#idle) return;
    if (answering && this.#slots.size >= waiting) await this.#lookAgain();
    // Not armed here: it rang while the look was under way.
    else if (this.#bell.armed) await this.#sleep(SAFETY_LOOK_MS);
  }

  async #pause(): Promise<void> {
    this.#bell.leave();
    // It rang before the pause: what it rang for is somebody else's now.
    if (this.#rung !== undefined) this.#bell.ring(this.#rung);
    this.#rung = undefined;
    this.#idle = false;
    await this.#sleep(SAFETY_LOOK_MS);
  }

  /**
   * It rang, and nothing was there. Somebody else may have been faster; or the ring was: the server
   * rings when a request is stored, and tells its consumers a moment later (on replicas, much
   * later).
   */
  async #lookAgain(): Promise<void> {
    for (const delayMs of AFTER_RING_MS) {
      if (this.#rung !== undefined) return;
      await this.#sleep(delayMs);
      // The bell is armed for one ring: the next step arms it again.
      if (this.#rung !== undefined) return;
      const waiting = this.#slots.size;
      if (waiting === 0) return;
      await this.#look();
      if (this.#slots.size < waiting) return;
    }
  }

  /** @returns whether every lane was found empty at its turn. */
  #look(): Promise<boolean> {
    this.#rung = undefined;
    return this.#looks.look();
  }

  /** Gives it to a slot that waits (S3). @returns false: it was given back */
  #hand(delivery: Delivery): boolean {
    if (this.#slots.hand(delivery)) return true;
    giveBack(this.#options.link, delivery.reply, 0);
    this.#bell.ringFor(delivery.subject);
    return false;
  }

  /** The connection went: pulls in flight would hang, and late replies are not to be rescued. */
  #abandon(): void {
    this.#bell.leave();
    this.#looks.close();
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
