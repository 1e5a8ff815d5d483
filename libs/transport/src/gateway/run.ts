/** One run as the gateway that made it sees it: from the publish to its end. */
import {
  type EventMessage,
  type OnDisconnect,
  type RunEnd,
  toError,
  type Usage,
} from '@switchboard/contract';
import type { Standing } from '../events/log-state.ts';
import { INCOMPLETE } from '../events/run-sequence.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import type { Heard } from './heard.ts';
import { endPatiently, type EndWhen } from './end-writer.ts';
import type { Limiter } from './limiter.ts';
import { deadlineExceeded, NO_WORKER, queueTimeout, REQUEST_LOST } from './made-ends.ts';
import { QueuedRequest } from './queued-request.ts';
import type { Queued } from './request-publisher.ts';
import type { Reader } from './reader.ts';
import { Readers } from './readers.ts';
import { RunWatch } from './run-watch.ts';

export type CancelReason = Extract<RunEnd, { type: 'cancelled' }>['reason'];

export interface RunOutcome {
  /** Whether a worker ever took it. */
  readonly started: boolean;
  /** As the provider reported it; undefined: it did not, or it was not heard. */
  readonly usage: Usage | undefined;
}

export interface RunOptions {
  readonly id: string;
  /** For the log. */
  readonly requestId: string;
  readonly pool: string;
  readonly queueTimeoutMs: number;
  /** Within which the run must have ended; undefined: whenever it does. */
  readonly deadlineMs: number | undefined;
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
  readonly onEnd: (outcome: RunOutcome) => void;
  /** Called when its cancel has been published: it must be said again after a reconnect. */
  readonly onCancelled: () => void;
}

export class Run {
  readonly run: string;
  readonly pool: string;
  acceptedAtMs = Date.now();
  /** Decides when nobody reads it any more. */
  readonly readers: Readers;
  /** What stands in every log line about it. */
  readonly names: { readonly run: string; readonly requestId: string };
  readonly #link: NatsLink;
  readonly #options: RunOptions;
  #queued: QueuedRequest | undefined;
  readonly #watch: RunWatch;
  /** Why it is cancelled when it is abandoned now. */
  #leftFor: CancelReason = 'client_gone';
  #cancelling: Promise<void> | undefined;
  #timingOut = false;
  #ownEnds = 0;
  #usage: Usage | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #over = false;
  readonly #closing = new AbortController();

  constructor(link: NatsLink, options: RunOptions) {
    this.run = options.id;
    this.pool = options.pool;
    this.#link = link;
    this.#options = options;
    this.#watch = new RunWatch(options.queueTimeoutMs);
    this.names = { run: options.id, requestId: options.requestId };
    this.readers = new Readers({ ...options, onAbandoned: () => void this.cancel(this.#leftFor) });
  }

  /** Whether it goes on without this gateway: somebody may come back to it, or nobody needs to. */
  get outlivesGateway(): boolean {
    return this.#options.onDisconnect !== 'cancel' || this.readers.detached;
  }

  accepted(queued: Queued): void {
    this.acceptedAtMs = Date.now();
    this.#watch.queued();
    this.#queued = new QueuedRequest(this.#link, queued, {
      ...this.#options,
      closing: this.#closing.signal,
      names: this.names,
    });
    if (this.#over) queued.release();
    else this.#startDeadline();
  }

  /** A live message: it is stored, so an end is the end. */
  hear({ message, isEnd }: Heard): void {
    this.#watch.heard(message.a);
    this.#noteUsage(message);
    if (isEnd) this.#onStoredEnd(message.a === 0);
  }

  cancel(reason: CancelReason): Promise<void> {
    this.#cancelling ??= this.#cancelNow({ type: 'cancelled', reason });
    return this.#cancelling;
  }

  /** One of its readers leaves: if it was the last, the run may end for this reason, at once. */
  leave(reader: Reader, reason: CancelReason): void {
    this.#leftFor = reason;
    reader.close();
    this.#leftFor = 'client_gone';
  }

  /** A reader was told that part of the run is gone: what nobody else reads, nobody is to pay. */
  incomplete(): void {
    if (this.#over || this.#options.onDisconnect !== 'cancel' || this.readers.shared) return;
    this.#cancelling ??= this.#cancelNow(INCOMPLETE);
  }

  /** Something may have been said while the connection was away. */
  reconnected(): void {
    if (this.#queued !== undefined && !this.#over) void this.#lookUpLog();
  }

  /** Called twice a second: queue time-out, and runs that nobody speaks of any more. */
  sweep(): void {
    if (this.#queued === undefined || this.#over || this.#cancelling !== undefined) return;
    const due = this.#watch.due(this.#link.connected);
    if (due === 'queue timeout') void this.#timeOut();
    else if (due === 'lost') this.#cancelling = this.#cancelNow(NO_WORKER);
    else if (due === 'look') void this.#lookUp();
  }

  close(): void {
    clearTimeout(this.#deadline);
    this.#closing.abort();
    this.readers.over();
  }

  /** A run that begins in this very moment goes on: its `started` wins over this end. */
  async #timeOut(): Promise<void> {
    if (this.#timingOut) return;
    this.#timingOut = true;
    await this.#endHere(queueTimeout(this.#options.queueTimeoutMs), 'unless started');
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
    } else if (!this.#closing.signal.aborted) {
      await this.#lookUpLog();
    }
  }

  /**
   * C2: stores the end, tells the worker, takes the request off the queue. Tries on while NATS is
   * away; never throws. @returns whether this end is the run's.
   */
  async #storeEnd(end: RunEnd, when: EndWhen): Promise<boolean> {
    const outcome = await endPatiently(
      this.#link,
      this.run,
      { end, when },
      {
        signal: this.#closing.signal,
        onFailure: (error) => {
          const reason = toError(error).message;
          this.#options.log.debug({ ...this.names, reason }, 'end not stored yet');
        },
      },
    );
    // Also when somebody else's end, or our own whose acknowledgement was lost, is there.
    const isThere = outcome === 'stored' || (outcome === 'conflict' && when === 'always');
    if (isThere) await this.#withdraw();
    return outcome === 'stored';
  }

  /** The worker first: a delete may wait for its answer, and a worker that begins meets the end. */
  async #withdraw(): Promise<void> {
    this.#options.onCancelled();
    await this.#queued?.withdraw();
  }

  /** Repairs what is only missing here, and ends a run that has neither message nor end. */
  async #lookUp(): Promise<void> {
    let queued: boolean;
    try {
      queued = await this.#options.limiter.run(
        () => this.#queued?.isThere() ?? Promise.resolve(true),
      );
    } catch {
      // NATS is away: the next look comes in a while.
      return;
    }
    // The end is stored before the message goes, so this order cannot be fooled.
    if (!(await this.#lookUpLog()) || queued || this.#over) return;
    this.#options.log.warn(this.names, 'run has neither a request nor an end; ending it');
    this.#cancelling ??= this.#cancelNow(REQUEST_LOST);
  }

  /** @returns whether the log answered. Never throws. */
  async #lookUpLog(): Promise<boolean> {
    try {
      const { end, newest } = await this.#options.lookUp();
      if (newest !== undefined) this.#watch.found(newest);
      if (end !== undefined) {
        this.#noteUsage(end.message);
        this.#onStoredEnd(end.message.a === 0);
      }
      return true;
    } catch {
      // NATS is away: the next look comes in a while, or with the connection.
      return false;
    }
  }

  #onStoredEnd(withoutAttempt: boolean): void {
    if (this.#over) return;
    // Another gateway's cancel: it does not know where the request lies.
    if (withoutAttempt && this.#ownEnds === 0) void this.#queued?.withdraw();
    this.#onEnd();
  }

  #startDeadline(): void {
    const { deadlineMs } = this.#options;
    if (deadlineMs === undefined) return;
    this.#deadline = setTimeout(() => {
      this.#cancelling ??= this.#cancelNow(deadlineExceeded(deadlineMs));
    }, deadlineMs);
  }

  #noteUsage({ e }: EventMessage): void {
    for (const event of e) {
      if (event.type === 'usage') this.#usage = event.usage;
    }
  }

  #onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.readers.over();
    this.#queued?.release();
    this.#options.onEnd({ started: this.#watch.begun, usage: this.#usage });
  }
}
