/**
 * Pulls of the lanes' consumers over one inbox of our own, at most one pull a lane at a time.
 *
 * A pull through the connection's shared inbox would hang: what is delivered keeps its own subject.
 * A pull in flight when the connection goes would hang too, so {@link LanePulls.abandon} ends all.
 */
import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { laneConsumer, type LaneName, placeOf, requestsStream } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import type { Delivery } from './delivery.ts';

/** Longest wait for the answer to a pull; a healthy server answers in one round trip. */
const PULL_TIMEOUT_MS = 5_000;

export interface LanePullsOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Called when a pull is refused: the consumers may be gone. */
  readonly onRefused: (reason: string) => void;
  /** Gets what came after its pull had ended. */
  readonly onStray: (delivery: Delivery) => void;
}

interface Pull {
  readonly batch: number;
  readonly askedAtMs: number;
  readonly take: (delivery: Delivery) => void;
  received: number;
  finish(error?: Error): void;
}

export class LanePulls {
  readonly #options: LanePullsOptions;
  readonly #open = new Map<LaneName, Pull>();
  #inbox: { prefix: string; subscription: Subscription } | undefined;

  constructor(options: LanePullsOptions) {
    this.#options = options;
  }

  /** Whether no pull is under way. */
  get quiet(): boolean {
    return this.#open.size === 0;
  }

  /**
   * Asks `lane` for at most `batch` requests that are there now, and gives each to `take` as it
   * comes. @returns how many came. @throws Error when the answer does not come
   */
  pull(lane: LaneName, batch: number, take: (delivery: Delivery) => void): Promise<number> {
    const { link, pool } = this.#options;
    const { connection } = link;
    const reply = `${this.#openInbox(connection)}.${lane}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.abandon(`no answer to a pull within ${PULL_TIMEOUT_MS} ms`);
      }, PULL_TIMEOUT_MS);
      const pull: Pull = {
        batch,
        askedAtMs: performance.now(),
        take,
        received: 0,
        finish: (error) => {
          clearTimeout(timer);
          this.#open.delete(lane);
          if (error === undefined) resolve(pull.received);
          else reject(error);
        },
      };
      this.#open.set(lane, pull);
      const next = `$JS.API.CONSUMER.MSG.NEXT.${requestsStream(pool)}.${lane}`;
      connection.publish(next, JSON.stringify({ batch, no_wait: true }), { reply });
    });
  }

  /** Ends all pulls; late answers are not rescued. */
  abandon(reason: string): void {
    this.#inbox?.subscription.unsubscribe();
    this.#inbox = undefined;
    for (const pull of this.#open.values()) pull.finish(new Error(reason));
  }

  #openInbox(connection: NatsConnection): string {
    if (this.#inbox === undefined) {
      const prefix = this.#options.link.newInbox();
      const subscription = connection.subscribe(`${prefix}.*`, {
        callback: (_error, message) => this.#onMessage(prefix, message),
      });
      this.#inbox = { prefix, subscription };
    }
    return this.#inbox.prefix;
  }

  #onMessage(prefix: string, { data, headers, reply, subject }: Msg): void {
    const status = headers?.code ?? 0;
    if (status !== 0 && subject.startsWith(prefix)) {
      this.#onStatus(subject.slice(prefix.length + 1) as LaneName, status, headers);
    } else if (reply !== undefined && reply !== '') {
      this.#onRequest({ subject, headers, data, reply });
    }
  }

  /** 404 and 408 say that the lane holds no more; everything else is a fault of the set-up. */
  #onStatus(lane: LaneName, status: number, headers: MsgHdrs | undefined): void {
    if (status !== 404 && status !== 408) {
      this.#options.onRefused(`${status} ${headers?.description ?? ''}`.trim());
    }
    this.#open.get(lane)?.finish();
  }

  #onRequest(message: Omit<Delivery, 'askedAtMs'>): void {
    const place = placeOf(message.subject);
    const pull = place && this.#open.get(laneConsumer(place.priority, place.lane));
    if (pull === undefined) {
      return this.#options.onStray({ ...message, askedAtMs: performance.now() - PULL_TIMEOUT_MS });
    }
    pull.received += 1;
    if (pull.received >= pull.batch) pull.finish();
    pull.take({ ...message, askedAtMs: pull.askedAtMs });
  }
}
