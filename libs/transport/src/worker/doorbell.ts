/**
 * The doorbell: the server rings `doorbell.<pool>` for every stored request, and NATS hands each
 * ring to one idle worker. A worker subscribes only while it has an idle slot, for one ring.
 */
import type { Subscription } from '@nats-io/transport-node';
import { doorbellSubject } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

const QUEUE_GROUP = 'idle';

export class Doorbell {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #onRing: () => void;
  #subscription: Subscription | undefined;

  constructor(link: NatsLink, pool: string, onRing: () => void) {
    this.#link = link;
    this.#subject = doorbellSubject(pool);
    this.#onRing = onRing;
  }

  get armed(): boolean {
    return this.#subscription !== undefined;
  }

  /** Listens for one ring. @throws SwitchboardError while disconnected */
  arm(): void {
    if (this.#subscription !== undefined) return;
    const subscription = this.#link.connection.subscribe(this.#subject, {
      queue: QUEUE_GROUP,
      max: 1,
      callback: (error) => {
        if (error !== null) return;
        if (this.#subscription === subscription) {
          this.#subscription = undefined;
          this.#onRing();
        } else {
          // The ring came while this worker was leaving: somebody else may be idle.
          this.ring();
        }
      },
    });
    this.#subscription = subscription;
  }

  /** Stops listening; a ring already on its way is passed on. */
  leave(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription === undefined) return;
    if (this.#link.connected) void subscription.drain().catch(() => undefined);
    else subscription.unsubscribe();
  }

  /** Wakes one idle worker. */
  ring(): void {
    if (this.#link.connected) this.#link.connection.publish(this.#subject);
  }
}
