/** One run as its gateway sees it: from the publish to its end. */
import {
  cancelSubject,
  encodeEvents,
  type EventMessage,
  requestsStream,
  type RunEnd,
  runEnd,
  type RunEvent,
  runState,
  toError,
} from '@switchboard/contract';
import { hasEnd, readLog } from '../events/log-reader.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError } from '../link/store.ts';
import type { Queued } from './request-publisher.ts';
import { RunFeed } from './run-feed.ts';

export type CancelReason = Extract<RunEnd, { type: 'cancelled' }>['reason'];

export interface RunOptions {
  readonly id: string;
  /** For the log. */
  readonly requestId: string;
  readonly pool: string;
  readonly queueTimeoutMs: number;
  readonly log: TransportLog;
  /** Called once, when the run has ended. */
  readonly onEnd: () => void;
}

/** A run that has been silent for this long is looked up: heartbeats come every 3 s. */
const SILENT_MS = 10_000;
/** A queued run says nothing, so its message is looked up this often. */
const LOOKUP_EVERY_MS = 15_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

export class Run {
  readonly run: string;
  acceptedAtMs = Date.now();
  readonly #link: NatsLink;
  readonly #options: RunOptions;
  readonly #feed: RunFeed;
  /** What stands in every log line about it. */
  readonly names: { readonly run: string; readonly requestId: string };
  #queued: Queued | undefined;
  #cancelling: Promise<void> | undefined;
  #timingOut = false;
  #over = false;
  #heardAtMs = Date.now();
  #lookedUpAtMs = Date.now();
  #closed = false;

  constructor(link: NatsLink, options: RunOptions) {
    this.run = options.id;
    this.#link = link;
    this.#options = options;
    this.names = { run: options.id, requestId: options.requestId };
    this.#feed = new RunFeed(
      (fromSeq) => readLog(link, options.id, fromSeq),
      () => this.#onEnd(),
    );
  }

  accepted(queued: Queued): void {
    this.acceptedAtMs = Date.now();
    this.#queued = queued;
    if (this.#over) queued.release();
  }

  events(signal?: AbortSignal): AsyncIterable<RunEvent> {
    return this.#feed.events(signal);
  }

  push(message: EventMessage, end: boolean): void {
    this.#heardAtMs = Date.now();
    this.#feed.push(message, end);
  }

  cancel(reason: CancelReason): Promise<void> {
    this.#cancelling ??= this.#cancelNow({ type: 'cancelled', reason });
    return this.#cancelling;
  }

  /** Something may have been said while the connection was away. */
  reconnected(): void {
    this.#feed.catchUp();
  }

  /** Called twice a second: queue time-out, and runs that nobody speaks of any more. */
  sweep(nowMs: number): void {
    if (this.#queued === undefined || this.#over || this.#cancelling !== undefined) return;
    const { queueTimeoutMs } = this.#options;
    if (!this.#feed.started && nowMs - this.acceptedAtMs > queueTimeoutMs) {
      if (this.#timingOut) return;
      this.#timingOut = true;
      void this.#timeOut(queueTimeoutMs);
      return;
    }
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs > SILENT_MS && nowMs - this.#lookedUpAtMs > LOOKUP_EVERY_MS) {
      this.#lookedUpAtMs = nowMs;
      void this.#lookUp();
    }
  }

  close(): void {
    this.#closed = true;
    this.#feed.close();
  }

  /** A run that begins in this very moment goes on: its `started` wins over this end. */
  async #timeOut(queueTimeoutMs: number): Promise<void> {
    const seconds = Math.round(queueTimeoutMs / 1_000);
    const end: RunEnd = {
      type: 'failed',
      code: 'queue_timeout',
      message: `No slot became free within ${seconds} s.`,
      retryAfterMs: 5_000,
    };
    await this.#endHere(end, 'unless started');
    this.#timingOut = false;
  }

  /** The run is over for this gateway, also when nobody reads its last events any more. */
  async #cancelNow(end: RunEnd): Promise<void> {
    await this.#endHere(end, 'always');
    this.#onEnd();
  }

  /**
   * C2: stores the end, takes the request off the queue, tells the worker. Tries on while NATS is
   * away; never throws.
   */
  async #endHere(end: RunEnd, when: 'always' | 'unless started'): Promise<void> {
    const data = encodeEvents({ a: 0, n: 1, e: [end] });
    const filter = when === 'always' ? {} : { filter: runState(this.run) };
    const id = `${this.run}.${end.type}`;
    for (let delayMs = RETRY_FIRST_MS; !this.#closed && !this.#feed.ended;) {
      try {
        await store(this.#link, runEnd(this.run), data, { expectedLast: 0, id, ...filter });
        await this.#withdraw();
        return;
      } catch (error) {
        if (error instanceof StoreError && error.failure === 'conflict') {
          // Somebody else's end, or our own whose acknowledgement was lost; or it has started.
          if (when === 'always') await this.#withdraw();
          this.#feed.catchUp();
          return;
        }
        const reason = toError(error).message;
        this.#options.log.debug({ ...this.names, reason }, 'end not stored yet');
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS);
    }
  }

  async #withdraw(): Promise<void> {
    const queued = this.#queued;
    if (queued !== undefined) await this.#deleteMessage(queued.seq);
    if (this.#link.connected) this.#link.connection.publish(cancelSubject(this.run));
  }

  async #deleteMessage(seq: number): Promise<void> {
    try {
      const stream = requestsStream(this.#options.pool);
      await api(this.#link, `STREAM.MSG.DELETE.${stream}`, { seq, no_erase: true });
    } catch (error) {
      if (error instanceof StoreError && error.failure === 'not_found') return;
      // It stays on the queue until a worker takes it, meets the end, and drops it.
      const reason = toError(error).message;
      this.#options.log.debug({ ...this.names, reason }, 'not deleted');
    }
  }

  /** Repairs what is only missing here, and ends a run that has neither message nor end. */
  async #lookUp(): Promise<void> {
    this.#feed.catchUp();
    const queued = this.#queued;
    if (queued === undefined) return;
    try {
      const stream = requestsStream(this.#options.pool);
      await api(this.#link, `STREAM.MSG.GET.${stream}`, { seq: queued.seq });
      return;
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure !== 'not_found') return;
    }
    try {
      // The end is stored before the message goes, so this order cannot be fooled.
      if (await hasEnd(this.#link, this.run)) return;
    } catch {
      return;
    }
    this.#options.log.warn(this.names, 'run has neither a request nor an end; ending it');
    const message = 'The request was removed from the queue before it could be answered.';
    this.#cancelling ??= this.#cancelNow({ type: 'failed', code: 'request_lost', message });
  }

  #onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queued?.release();
    this.#options.onEnd();
  }
}
