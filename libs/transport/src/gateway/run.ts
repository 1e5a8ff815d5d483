/** One run as its gateway sees it: from the publish to its end. */
import {
  encodeEvents,
  type EventMessage,
  requestsStream,
  type RunEnd,
  runEnd,
  type RunEvent,
  runState,
  TAKEOVER_MS,
  toError,
} from '@switchboard/contract';
import { hasEnd, readLog } from '../events/log-reader.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError } from '../link/store.ts';
import type { Limiter } from './limiter.ts';
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
  /** Which making of the pool's stream this is: a stream made anew counts its messages from 1. */
  readonly incarnation: () => string | undefined;
  /** Reads of the log and of the queue go through it, so that they do not come all at once. */
  readonly limiter: Limiter;
  /** Called once, when the run has ended. */
  readonly onEnd: () => void;
  /** Called when its cancel has been published: it must be said again after a reconnect. */
  readonly onCancelled: () => void;
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
  #ownEnds = 0;
  #incarnation: string | undefined;
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
      (from) => options.limiter.run(() => readLog(link, options.id, from)),
      (incomplete) => {
        this.#onEnd();
        // Nobody reads the rest of it, so nobody is to pay for it.
        if (incomplete) void this.#storeEnd(INCOMPLETE, 'always');
      },
    );
  }

  accepted(queued: Queued): void {
    this.acceptedAtMs = Date.now();
    this.#queued = queued;
    this.#incarnation = this.#options.incarnation();
    if (this.#over) queued.release();
  }

  events(signal?: AbortSignal): AsyncIterable<RunEvent> {
    return this.#feed.events(signal);
  }

  push(message: EventMessage, end: boolean): void {
    this.#heardAtMs = Date.now();
    if (!end) return this.#feed.push(message, false);
    // The live copy of an end comes also when it was refused. A worker's is refused only when
    // somebody else has ended the run; while an own end is under way, the answer to that decides,
    // and an end that a gateway wrote is believed only from the log.
    if (this.#ownEnds > 0) return;
    if (message.a === 0) this.#feed.catchUp();
    else this.#feed.push(message, true);
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
    if (this.#feed.started && silentMs > queueTimeoutMs + TAKEOVER_MS && this.#link.connected) {
      // Its worker is gone, and no other has come to take it over in all that time.
      this.#cancelling = this.#cancelNow(NO_WORKER);
      return;
    }
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

  async #endHere(end: RunEnd, when: 'always' | 'unless started'): Promise<void> {
    this.#ownEnds += 1;
    const stored = await this.#storeEnd(end, when);
    this.#ownEnds -= 1;
    if (stored) this.#feed.push({ a: 0, n: 1, e: [end] }, true);
    else this.#feed.catchUp();
  }

  /**
   * C2: stores the end, tells the worker, takes the request off the queue. Tries on while NATS is
   * away; never throws. @returns whether this end is the run's.
   */
  async #storeEnd(end: RunEnd, when: 'always' | 'unless started'): Promise<boolean> {
    const data = encodeEvents({ a: 0, n: 1, e: [end] });
    const filter = when === 'always' ? {} : { filter: runState(this.run) };
    const id = `${this.run}.${end.type}`;
    for (
      let delayMs = RETRY_FIRST_MS;
      !this.#closed;
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
    ) {
      try {
        await store(this.#link, runEnd(this.run), data, { expectedLast: 0, id, ...filter });
        await this.#withdraw();
        return true;
      } catch (error) {
        if (error instanceof StoreError && error.failure === 'conflict') {
          // Somebody else's end, or our own whose acknowledgement was lost; or it has started.
          if (when === 'always') await this.#withdraw();
          return false;
        }
        const reason = toError(error).message;
        this.#options.log.debug({ ...this.names, reason }, 'end not stored yet');
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    }
    return false;
  }

  /** The worker first: a delete may wait for its answer, and a worker that begins meets the end. */
  async #withdraw(): Promise<void> {
    this.#options.onCancelled();
    if (this.#queued === undefined) return;
    for (let tries = 0; this.#isSameStream() === undefined && tries < 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 250).unref());
    }
    if (this.#isSameStream() === true) await this.#deleteMessage(this.#queued.seq);
  }

  /**
   * Whether the stream is the one that took the request: in another the sequence would name
   * somebody else's. Undefined while the streams have not been looked at since a reconnect.
   */
  #isSameStream(): boolean | undefined {
    const now = this.#options.incarnation();
    if (now === undefined || this.#incarnation === undefined) return undefined;
    return now === this.#incarnation;
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
    try {
      if (await this.#options.limiter.run(() => this.#isQueued())) return;
      // The end is stored before the message goes, so this order cannot be fooled.
      if (await hasEnd(this.#link, this.run)) return;
    } catch {
      // NATS is away: the next look comes in a while.
      return;
    }
    this.#options.log.warn(this.names, 'run has neither a request nor an end; ending it');
    const message = 'The request was removed from the queue before it could be answered.';
    this.#cancelling ??= this.#cancelNow({ type: 'failed', code: 'request_lost', message });
  }

  /** Asks for the subject's count alone: the message itself may be large. @throws StoreError */
  async #isQueued(): Promise<boolean> {
    const queued = this.#queued;
    if (queued === undefined) return true;
    const same = this.#isSameStream();
    if (same !== true) return same === undefined;
    const call = `STREAM.INFO.${requestsStream(this.#options.pool)}`;
    const info = (await api(this.#link, call, { subjects_filter: queued.subject })) as {
      state?: { subjects?: Record<string, number> };
    };
    return info.state?.subjects?.[queued.subject] !== undefined;
  }

  #onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queued?.release();
    this.#options.onEnd();
  }
}

const INCOMPLETE: RunEnd = {
  type: 'failed',
  code: 'answer_incomplete',
  message: 'Part of the answer is no longer stored.',
};

const NO_WORKER: RunEnd = {
  type: 'failed',
  code: 'worker_lost',
  message: 'The worker that ran this was lost, and no other took it over in time.',
};
