/**
 * Keeps the event log ready for the first request after a pause.
 *
 * When a stream has seen no write for ten seconds, nats-server (2.14.5,
 * `defaultCacheBufferExpiration`) drops what it has of the stream's last block from memory, and
 * reads the whole block again, up to 8 MB, before it stores the next message. In the event log that
 * message is the claim of the first request after the pause, and its slot waits for it: behind
 * 12,000 runs the server took 9 to 20 ms of CPU for that request and 5 ms for the next; with this
 * 5 ms for both. So a gateway whose runs say nothing writes a word of its own in time. The queue
 * needs none: when its last message goes, its block goes, too.
 */
import { warmthSubject } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** Less than the server's ten seconds by more than a tick. */
export const QUIET_MS = 8_000;

export interface LogWarmthOptions {
  readonly gateway: string;
  /** Milliseconds of a monotonic clock. */
  readonly now?: (() => number) | undefined;
}

export class LogWarmth {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #now: () => number;
  #heardAtMs: number;

  constructor(link: NatsLink, { gateway, now = () => performance.now() }: LogWarmthOptions) {
    this.#link = link;
    this.#subject = warmthSubject(gateway);
    this.#now = now;
    this.#heardAtMs = now();
  }

  /** The log has just stored something of this gateway. */
  heard(): void {
    this.#heardAtMs = this.#now();
  }

  /** Called now and then. */
  tick(): void {
    if (!this.#link.connected || this.#now() - this.#heardAtMs < QUIET_MS) return;
    // It is not waited for: should it be lost, the next request is as slow as without it.
    this.#link.connection.publish(this.#subject);
    this.heard();
  }
}
