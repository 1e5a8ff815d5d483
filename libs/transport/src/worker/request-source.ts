/**
 * Where the slots of one worker get their requests: one look for all idle slots, lane by lane, and
 * one doorbell for all of them.
 *
 * - S1 a pull asks for no more messages than there are idle slots: nothing is ever prefetched.
 * - S2 while a slot is idle, either a look is going on, or the doorbell is armed and a look after
 *   arming it found nothing.
 * - S3 a message that comes when no slot waits any more is given back, and somebody is woken.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { createInbox } from '@nats-io/transport-node';
import { type Lane, laneConsumer, requestsStream, toError } from '@switchboard/contract';
import type { TaskSource } from '@switchboard/pool';
import { type NatsLink } from '../link/nats-link.ts';
import type { TransportLog } from '../link/log.ts';
import { type Delivery, giveBack } from './delivery.ts';
import { Doorbell } from './doorbell.ts';
import { LaneOrder } from './lane-order.ts';

/**
 * Nobody rings when a dead worker's request comes back, so an idle worker looks again this often.
 */
const SAFETY_LOOK_MS = 1_000;
/** How long a busy worker leaves out a lane that it found empty: slots come free in bunches. */
const LEFT_OUT_MS = 2;
/** When to look again after a ring that led to nothing. */
const AFTER_RING_MS = [1, 10, 50] as const;
/** Longest wait for the answer to a pull; a healthy server answers in one round trip. */
const PULL_TIMEOUT_MS = 5_000;
/**
 * How long a lane that was found empty counts as empty within one look: a first request that comes
 * meanwhile waits so much longer at most.
 */
const FRESH_MS = 5;
/** After a pull that failed, or while disconnected. */
const RETRY_MS = 200;

interface Waiter {
  resolve(delivery: Delivery | undefined): void;
  leaving: boolean;
}

interface Pull {
  readonly batch: number;
  received: number;
  finish(error?: Error): void;
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
  #inbox: { subject: string; subscription: Subscription } | undefined;
  #pull: Pull | undefined;
  #looping = false;
  /** When each lane was last found empty. */
  readonly #emptyAtMs = new Map<Lane, number>();
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
        if (this.#pull === undefined) this.#dismissLeaving();
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
    let exhausted = await this.#look(armed);
    if (this.#waiters.length > 0 && exhausted && !armed) {
      this.#bell.arm();
      exhausted = await this.#look(true);
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
      const waiting = this.#waiters.length;
      if (waiting === 0) return;
      await this.#look(true);
      if (this.#waiters.length < waiting) return;
    }
  }

  /**
   * Asks lane by lane for as many requests as slots wait. A lane is left for the next one only when
   * it had fewer than were asked for, so slots that come free meanwhile are served in the same
   * order, for as long as what was learned of the earlier lanes is fresh.
   * Unless the look is `full`, a lane that was empty a moment ago is left out.
   * @returns whether every lane that was asked was found empty at its turn.
   */
  async #look(full: boolean): Promise<boolean> {
    const staleAtMs = performance.now() + FRESH_MS;
    let left = this.#waiting();
    this.#rung = false;
    for (const { lane, most } of this.#lanes.next()) {
      const emptyForMs = performance.now() - (this.#emptyAtMs.get(lane) ?? -Infinity);
      if (!full && emptyForMs < LEFT_OUT_MS) continue;
      for (let exhausted = false; !exhausted;) {
        if (performance.now() <= staleAtMs) left = this.#waiting();
        const wanted = Math.min(most, left, this.#waiting());
        if (wanted === 0) return false;
        const found = await this.#pullFrom(lane, wanted);
        exhausted = found < wanted;
        if (exhausted) this.#emptyAtMs.set(lane, performance.now());
        left -= found;
        this.#dismissLeaving();
        // A starved lane gets one request, and then the order begins with lane 1.
        if (most === 1) break;
      }
    }
    return true;
  }

  #waiting(): number {
    return this.#waiters.filter((waiter) => !waiter.leaving).length;
  }

  #pullFrom(lane: Lane, batch: number): Promise<number> {
    const { link, pool } = this.#options;
    const { connection } = link;
    const inbox = this.#openInbox(connection);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#closeInbox();
        pull.finish(new Error(`no answer to a pull within ${PULL_TIMEOUT_MS} ms`));
      }, PULL_TIMEOUT_MS);
      const pull: Pull = {
        batch,
        received: 0,
        finish: (error) => {
          clearTimeout(timer);
          this.#pull = undefined;
          if (error === undefined) resolve(pull.received);
          else reject(error);
        },
      };
      this.#pull = pull;
      const next = `$JS.API.CONSUMER.MSG.NEXT.${requestsStream(pool)}.${laneConsumer(lane)}`;
      connection.publish(next, JSON.stringify({ batch, no_wait: true }), { reply: inbox });
    });
  }

  #openInbox(connection: NatsConnection): string {
    if (this.#inbox === undefined) {
      const subject = createInbox();
      const subscription = connection.subscribe(subject, {
        callback: (_error, message) => {
          const status = message.headers?.code ?? 0;
          if (status !== 0 && message.subject === subject) this.#onStatus(status, message.headers);
          else if (message.reply !== undefined && message.reply !== '') {
            const { subject: from, headers, data, reply } = message;
            this.#onRequest({ subject: from, headers, data, reply });
          }
        },
      });
      this.#inbox = { subject, subscription };
    }
    return this.#inbox.subject;
  }

  /** 404 and 408 say that the lane holds no more; everything else is a fault of the set-up. */
  #onStatus(status: number, headers: Delivery['headers']): void {
    if (status === 404 || status === 408) return this.#pull?.finish();
    this.#ready = false;
    this.#options.onRefused(`${status} ${headers?.description ?? ''}`.trim());
    this.#pull?.finish();
  }

  #onRequest(delivery: Delivery): void {
    const index = this.#waiters.findIndex((waiter) => !waiter.leaving);
    const waiter = this.#waiters.splice(Math.max(index, 0), 1)[0];
    if (waiter === undefined) {
      giveBack(this.#options.link, delivery.reply, 0);
      this.#bell.ring();
    } else {
      waiter.resolve(delivery);
    }
    const pull = this.#pull;
    if (pull === undefined) return;
    pull.received += 1;
    if (pull.received >= pull.batch) pull.finish();
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
    this.#closeInbox();
    this.#pull?.finish(new Error('the connection was lost'));
    this.#wake();
  }

  #closeInbox(): void {
    this.#inbox?.subscription.unsubscribe();
    this.#inbox = undefined;
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
