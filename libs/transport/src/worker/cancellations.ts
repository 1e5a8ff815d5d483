/**
 * Which runs were cancelled, as this worker hears of it. Every worker hears every cancel (no queue
 * group: the one that runs it is not known to the sender), and a cancel may overtake its request,
 * so ids unknown here are remembered for a while.
 */
import type { Subscription } from '@nats-io/transport-node';
import { CANCEL_SUBJECTS } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** Cancels remembered for runs that have not come yet: at most so many, for at least so long. */
const REMEMBERED_MAX = 10_000;

export class Cancellations {
  readonly #running = new Map<string, AbortController>();
  readonly #early = new Set<string>();
  readonly #removeListener: () => void;
  #subscription: Subscription | undefined;

  constructor(link: NatsLink) {
    this.#removeListener = link.listen({
      up: (connection) => {
        // nats.js re-subscribes by itself on a reconnect of the same connection.
        if (this.#subscription !== undefined && !this.#subscription.isClosed()) return;
        this.#subscription = connection.subscribe(CANCEL_SUBJECTS, {
          callback: (_error, message) => {
            this.cancel(message.subject.slice(message.subject.indexOf('.') + 1));
          },
        });
      },
    });
  }

  /** Must be called before anything is awaited for the run. Returns the removal. */
  register(run: string, controller: AbortController): () => void {
    this.#running.set(run, controller);
    if (this.#early.delete(run)) controller.abort(new RunCancelled());
    return () => {
      if (this.#running.get(run) === controller) this.#running.delete(run);
    };
  }

  cancel(run: string): void {
    const controller = this.#running.get(run);
    if (controller !== undefined) {
      controller.abort(new RunCancelled());
      return;
    }
    this.#early.add(run);
    if (this.#early.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#early) {
      this.#early.delete(oldest);
      break;
    }
  }

  close(): void {
    this.#removeListener();
    this.#subscription?.unsubscribe();
  }
}

/** The abort reason of a run whose end somebody else has stored. */
export class RunCancelled extends Error {
  constructor() {
    super('the run was cancelled');
    this.name = 'RunCancelled';
  }
}
