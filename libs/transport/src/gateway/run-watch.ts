/**
 * What is due to be done about a run, by what was heard of it: live, or by looks into its log.
 * Its clock is not the wall clock, which may be set.
 */
import { TAKEOVER_MS } from '@switchboard/contract';
import type { LoggedMessage } from '../events/log-state.ts';

/** A run that has been silent for this long is looked up: heartbeats come every 3 s. */
const SILENT_MS = 10_000;
/** A queued run says nothing, so its message is looked up this often. */
const LOOKUP_EVERY_MS = 15_000;

/**
 * - `queue timeout`: nobody has begun it in time.
 * - `lost`: its worker is gone, and no other has come to take it over in all that time.
 * - `look`: it should be looked up what became of it.
 */
export type Due = 'queue timeout' | 'lost' | 'look';

export class RunWatch {
  readonly #queueTimeoutMs: number;
  readonly #now: () => number;
  #queuedAtMs: number;
  #heardAtMs: number;
  #lookedUpAtMs: number;
  /** The last message of the log that a look has found. */
  #newestSeq = 0;
  #begun = false;

  constructor(queueTimeoutMs: number, now = (): number => performance.now()) {
    this.#queueTimeoutMs = queueTimeoutMs;
    this.#now = now;
    this.#queuedAtMs = this.#heardAtMs = this.#lookedUpAtMs = now();
  }

  /** Whether a worker has begun it. */
  get begun(): boolean {
    return this.#begun;
  }

  /** It is on the queue. */
  queued(): void {
    this.#queuedAtMs = this.#now();
  }

  /** A live message of this attempt; 0: of nobody who runs it. */
  heard(attempt: number): void {
    this.#heardAtMs = this.#now();
    if (attempt > 0) this.#begun = true;
  }

  /** A look has found this to be the last message: what was not heard was said all the same. */
  found({ seq, message }: LoggedMessage): void {
    if (message.a > 0) this.#begun = true;
    if (seq === this.#newestSeq) return;
    this.#newestSeq = seq;
    this.#heardAtMs = this.#now();
  }

  /** What is due now. A look is due again only after a while, the others until they are done. */
  due(connected: boolean): Due | undefined {
    const now = this.#now();
    if (!this.#begun && now - this.#queuedAtMs > this.#queueTimeoutMs) return 'queue timeout';
    const silentMs = now - this.#heardAtMs;
    if (this.#begun && silentMs > this.#queueTimeoutMs + TAKEOVER_MS && connected) return 'lost';
    if (silentMs <= SILENT_MS || now - this.#lookedUpAtMs <= LOOKUP_EVERY_MS) return undefined;
    this.#lookedUpAtMs = now;
    return 'look';
  }
}
