/**
 * Pulls of one end each over one inbox of our own (a pull through the connection's shared inbox
 * would hang: what is delivered keeps its own subject). Which of the open pulls gets which answer
 * does not matter.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import { EVENTS_STREAM } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { type Delivery, giveBack } from '../worker/delivery.ts';
import { RECORDER } from './recorder-consumer.ts';

/** How long the server keeps a pull that finds nothing. */
const PULL_EXPIRES_MS = 30_000;
/** A pull that the server has forgotten (a new leader) is made again after this long. */
const PULL_TIMEOUT_MS = 35_000;
const NEXT = `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${RECORDER}`;
const PULL = JSON.stringify({ batch: 1, expires: PULL_EXPIRES_MS * 1_000_000 });

/** `none`: nothing came in time, ask again. `refused`: the consumer may be missing. */
export type Pulled = Delivery | 'none' | 'refused';

export class RecorderPulls {
  readonly #link: NatsLink;
  /** Oldest first. */
  readonly #open = new Set<(pulled: Pulled) => void>();
  #subscription: Subscription | undefined;
  #inbox = '';

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Never rejects. */
  next(): Promise<Pulled> {
    if (!this.#link.connected) return Promise.resolve('refused');
    const { connection } = this.#link;
    this.#subscription ??= this.#subscribe();
    return new Promise((resolve) => {
      const finish = (pulled: Pulled): void => {
        clearTimeout(timer);
        this.#open.delete(finish);
        resolve(pulled);
      };
      const timer = setTimeout(() => finish('none'), PULL_TIMEOUT_MS);
      this.#open.add(finish);
      connection.publish(NEXT, PULL, { reply: this.#inbox });
    });
  }

  /** Ends all pulls; what comes late comes again when its time has run out. */
  abandon(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    for (const finish of this.#open) finish('none');
  }

  #subscribe(): Subscription {
    this.#inbox = this.#link.newInbox();
    return this.#link.connection.subscribe(this.#inbox, {
      callback: (_error, message) => this.#onMessage(message),
    });
  }

  #onMessage({ data, headers, reply, subject }: Msg): void {
    const [first] = this.#open;
    const status = headers?.code ?? 0;
    if (status !== 0 && subject === this.#inbox) {
      // 404 and 408 say that nothing came; everything else is a fault of the set-up.
      first?.(status === 404 || status === 408 ? 'none' : 'refused');
    } else if (reply !== undefined && reply !== '') {
      if (first === undefined) giveBack(this.#link, reply, 0);
      else first({ data, headers, reply, subject, askedAtMs: performance.now() });
    }
  }
}
