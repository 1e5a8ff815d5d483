import type { RunEvent } from '@switchboard/contract';

interface Waiting {
  readonly event: RunEvent;
  readonly taken: () => void;
}

/**
 * Events that are made while the run's reader waits for them: pushed by whoever works, pulled by
 * the run. Whoever pushes waits for the reader, so that no more wait here than work at once.
 */
export class EventOutbox {
  #waiting: Waiting[] = [];
  /** Handed over; the reader has them for certain when it comes back. */
  #handed: Waiting[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  /** Resolves when the reader has passed the event on: what it asks for next comes after it. */
  push(event: RunEvent): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ event, taken: resolve });
    this.#wake?.();
    return promise;
  }

  /** Nothing is pushed any more. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Waits for events and appends them to `into`. False: there are none, and none will come. */
  async read(into: RunEvent[]): Promise<boolean> {
    for (const { taken } of this.#handed.splice(0)) taken();
    while (this.#waiting.length === 0) {
      if (this.#closed) return false;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#handed = this.#waiting;
    this.#waiting = [];
    for (const { event } of this.#handed) into.push(event);
    return true;
  }
}
