/**
 * Tells all workers that a run was cancelled, and tells them again after a reconnect: what was
 * published into a connection that was about to break is gone without a word.
 */
import { cancelSubject } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** Cancels kept for a repetition: as long as a dead connection may look alive, and some more. */
const KEPT_MS = 30_000;
const KEPT_MAX = 10_000;

export class CancelSender {
  readonly #link: NatsLink;
  /** When each was said first, oldest first. */
  readonly #recent = new Map<string, number>();

  constructor(link: NatsLink) {
    this.#link = link;
  }

  publish(run: string): void {
    const now = performance.now();
    this.#recent.set(run, now);
    for (const [oldest, saidAtMs] of this.#recent) {
      if (this.#recent.size <= KEPT_MAX && now - saidAtMs <= KEPT_MS) break;
      this.#recent.delete(oldest);
    }
    this.#send(run);
  }

  /** Says the recent ones again. */
  repeat(): void {
    const now = performance.now();
    for (const [run, saidAtMs] of this.#recent) {
      if (now - saidAtMs <= KEPT_MS) this.#send(run);
    }
  }

  #send(run: string): void {
    if (this.#link.connected) this.#link.connection.publish(cancelSubject(run));
  }
}
