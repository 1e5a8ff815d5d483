/**
 * The doorbell: the server rings `doorbell.<pool>.<priority>.<lane>` for every stored request, and
 * NATS hands each ring to one idle worker. A worker subscribes only while it has an idle slot, for
 * one ring.
 */
import type { Subscription } from '@nats-io/transport-node';
import { doorbellAgain, doorbellSubject, doorbellSubjects, placeOf } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

const QUEUE_GROUP = 'idle';

export class Doorbell {
  readonly #link: NatsLink;
  readonly #pool: string;
  readonly #onRing: (subject: string) => void;
  #subscription: Subscription | undefined;

  constructor(link: NatsLink, pool: string, onRing: (subject: string) => void) {
    this.#link = link;
    this.#pool = pool;
    this.#onRing = onRing;
  }

  get armed(): boolean {
    return this.#subscription !== undefined;
  }

  /** Listens for one ring. @throws SwitchboardError while disconnected */
  arm(): void {
    if (this.#subscription !== undefined) return;
    const subscription = this.#link.connection.subscribe(doorbellSubjects(this.#pool), {
      queue: QUEUE_GROUP,
      max: 1,
      callback: (error, { subject }) => {
        if (error !== null) return;
        if (this.#subscription === subscription) {
          this.#subscription = undefined;
          this.#onRing(subject);
        } else {
          // The ring came while this worker was leaving: somebody else may be idle.
          this.ring(subject);
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

  /** Wakes one idle worker. The subject says for which lane; without it, for any. */
  ring(subject = doorbellAgain(this.#pool)): void {
    if (this.#link.connected) this.#link.connection.publish(subject);
  }

  /** Wakes one idle worker: the request of this subject was given back. */
  ringFor(requestSubject: string): void {
    const place = placeOf(requestSubject);
    this.ring(place && doorbellSubject(this.#pool, place.priority, place.lane));
  }
}
