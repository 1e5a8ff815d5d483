/** One run as the gateway that made it sees it: from the publish to its end. */
import {
  requestsStream,
  type OnDisconnect,
  type RunEnd,
  TAKEOVER_MS,
  toError,
} from '@switchboard/contract';
import type { Standing } from '../events/log-reader.ts';
import { INCOMPLETE } from '../events/run-sequence.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { api, StoreError } from '../link/store.ts';
import type { Heard } from './aside.ts';
import { type EndWhen, tryToEnd } from './end-writer.ts';
import type { Limiter } from './limiter.ts';
import type { Queued } from './request-publisher.ts';
import { Readers } from './readers.ts';

export type CancelReason = Extract<RunEnd, { type: 'cancelled' }>['reason'];

export interface RunOptions {
  readonly id: string;
  /** For the log. */
  readonly requestId: string;
  readonly pool: string;
  readonly queueTimeoutMs: number;
  readonly onDisconnect: OnDisconnect;
  readonly resumeWindowMs: number;
  /** How long a reader at another gateway is counted after its last word. */
  readonly elsewhereMs: number;
  readonly log: TransportLog;
  /** Which making of the pool's stream this is: a stream made anew counts its messages from 1. */
  readonly incarnation: () => string | undefined;
  /** Reads of the queue go through it, so that they do not come all at once. */
  readonly limiter: Limiter;
  /** Where the log stands; its readers read on when they do not know that. @throws StoreError */
  readonly lookUp: () => Promise<Standing>;
  /** Lets its readers read on: something is in the log. */
  readonly catchUp: () => void;
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
  /** Decides when nobody reads it any more. */
  readonly readers: Readers;
  /** What stands in every log line about it. */
  readonly names: { readonly run: string; readonly requestId: string };
  readonly #link: NatsLink;
  readonly #options: RunOptions;
  #queued: Queued | undefined;
  #cancelling: Promise<void> | undefined;
  #timingOut = false;
  #ownEnds = 0;
  #incarnation: string | undefined;
  #started = false;
  #over = false;
  #heardAtMs = Date.now();
  #lookedUpAtMs = Date.now();
  #closed = false;

  constructor(link: NatsLink, options: RunOptions) {
    this.run = options.id;
    this.#link = link;
    this.#options = options;
    this.names = { run: options.id, requestId: options.requestId };
    this.readers = new Readers({ ...options, onAbandoned: () => void this.cancel('client_gone') });
  }

  /** Whether it goes on without this gateway: somebody may come back to it, or nobody needs to. */
  get outlivesGateway(): boolean {
    return this.#options.onDisconnect !== 'cancel' || this.readers.detached;
  }

  accepted(queued: Queued): void {
    this.acceptedAtMs = Date.now();
    this.#queued = queued;
    this.#incarnation = this.#options.incarnation();
    if (this.#over) queued.release();
  }

  /** A live message: it is stored, so an end is the end. */
  hear({ message, isEnd }: Heard): void {
    this.#heardAtMs = Date.now();
    if (message.a > 0) this.#started = true;
    if (isEnd) this.#onStoredEnd(message.a === 0);
  }

  cancel(reason: CancelReason): Promise<void> {
    this.#cancelling ??= this.#cancelNow({ type: 'cancelled', reason });
    return this.#cancelling;
  }

  /** A reader was told that part of the run is gone: what nobody else reads, nobody is to pay. */
  incomplete(): void {
    if (this.#over || this.#options.onDisconnect !== 'cancel' || this.readers.here > 1) return;
    this.#cancelling ??= this.#cancelNow(INCOMPLETE);
  }

  /** Something may have been said while the connection was away. */
  reconnected(): void {
    if (this.#queued !== undefined && !this.#over) void this.#lookUpLog();
  }

  /** Called twice a second: queue time-out, and runs that nobody speaks of any more. */
  sweep(nowMs: number): void {
    if (this.#queued === undefined || this.#over || this.#cancelling !== undefined) return;
    const { queueTimeoutMs } = this.#options;
    if (!this.#started && nowMs - this.acceptedAtMs > queueTimeoutMs) {
      if (this.#timingOut) return;
      this.#timingOut = true;
      void this.#timeOut(queueTimeoutMs);
      return;
    }
    const silentMs = nowMs - this.#heardAtMs;
    if (this.#started && silentMs > queueTimeoutMs + TAKEOVER_MS && this.#link.connected) {
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
    this.readers.over();
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

  /** Readers are given every end out of the log alone: only there it has its place. */
  async #endHere(end: RunEnd, when: EndWhen): Promise<void> {
    this.#ownEnds += 1;
    const stored = await this.#storeEnd(end, when);
    this.#ownEnds -= 1;
    if (stored) {
      this.#options.catchUp();
      this.#onEnd();
    } else if (!this.#closed) {
      await this.#lookUpLog();
    }
  }

  /**
   * C2: stores the end, tells the worker, takes the request off the queue. Tries on while NATS is
   * away; never throws. @returns whether this end is the run's.
   */
  async #storeEnd(end: RunEnd, when: EndWhen): Promise<boolean> {
    for (
      let delayMs = RETRY_FIRST_MS;
      !this.#closed;
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
    ) {
      try {
        const outcome = await tryToEnd(this.#link, this.run, end, when);
        // Also when somebody else's end, or our own whose acknowledgement was lost, is there.
        if (outcome === 'stored' || when === 'always') await this.#withdraw();
        return outcome === 'stored';
      } catch (error) {
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
    await this.#unqueue();
  }

  async #unqueue(): Promise<void> {
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
    let queued: boolean;
    try {
      queued = await this.#options.limiter.run(() => this.#isQueued());
    } catch {
      // NATS is away: the next look comes in a while.
      return;
    }
    // The end is stored before the message goes, so this order cannot be fooled.
    if (!(await this.#lookUpLog()) || queued || this.#over) return;
    this.#options.log.warn(this.names, 'run has neither a request nor an end; ending it');
    const message = 'The request was removed from the queue before it could be answered.';
    this.#cancelling ??= this.#cancelNow({ type: 'failed', code: 'request_lost', message });
  }

  /** @returns whether the log answered. Never throws. */
  async #lookUpLog(): Promise<boolean> {
    try {
      const { end, newest } = await this.#options.lookUp();
      if (newest !== undefined && newest.message.a > 0) this.#started = true;
      if (end !== undefined) this.#onStoredEnd(end.message.a === 0);
      return true;
    } catch {
      // NATS is away: the next look comes in a while, or with the connection.
      return false;
    }
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

  #onStoredEnd(withoutAttempt: boolean): void {
    if (this.#over) return;
    // Another gateway's cancel: it does not know where the request lies.
    if (withoutAttempt && this.#ownEnds === 0) void this.#unqueue();
    this.#onEnd();
  }

  #onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.readers.over();
    this.#queued?.release();
    this.#options.onEnd();
  }
}

const NO_WORKER: RunEnd = {
  type: 'failed',
  code: 'worker_lost',
  message: 'The worker that ran this was lost, and no other took it over in time.',
};
