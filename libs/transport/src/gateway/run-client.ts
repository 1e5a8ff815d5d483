/**
 * The gateway's side of runs: submit, follow, cancel.
 *
 * - C1 a run that `submit` returned ends exactly once, whatever happens to workers and NATS.
 * - C2 an end written here is stored first, then the worker is told, then the request is deleted:
 *   before it is stored, a crash would lose the end, or run for nobody.
 * - C3 a request whose storing is in doubt is undone, so that nobody pays for an answer nobody
 *   waits for.
 * - C4 every reader of a run, at any gateway, is given the same events in the same order.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  type AgentProfile,
  gatewayLive,
  gatewayOf,
  newRunId,
  type RunEvent,
  SwitchboardError,
  userToken,
} from '@switchboard/contract';
import { readStanding, readWhole } from '../events/log-reader.ts';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { StoreError } from '../link/store.ts';
import type { StreamBounds } from '../link/topology.ts';
import { CancelSender } from './cancel-sender.ts';
import { tryToEnd } from './end-writer.ts';
import { FollowedRuns, toHeard } from './followed-runs.ts';
import { type FollowHandle, OwnRun, type RunHandle } from './handles.ts';
import { Limiter } from './limiter.ts';
import { Presence } from './presence.ts';
import type { Reader } from './reader.ts';
import type { Leaving } from './readers.ts';
import { type CancelReason, Run } from './run.ts';
import { RequestPublisher } from './request-publisher.ts';
import { StreamKeeper } from './stream-keeper.ts';
import { encodeRequest, type Submission } from './submission.ts';

export interface RunClientOptions extends StreamBounds {
  /** This gateway's token: part of every run id and subject it makes. */
  readonly gateway: string;
  /** Worker classes whose queues are made. */
  readonly pools: readonly string[];
  readonly maxOutstandingPerUser: number;
  /** How often it says that it lives. Default 3,000 ms; workers take it for lost after 12 s. */
  readonly beatMs?: number | undefined;
  /** How often it says of which runs of other gateways it has readers. Default 10,000 ms. */
  readonly readersBeatMs?: number | undefined;
  readonly log: TransportLog;
}

export interface FollowOptions {
  /** The run is known to have begun: when its log is empty, its events are gone. */
  readonly begun?: boolean | undefined;
}

/**
 * What the log knows of a run. A queued run that nobody has claimed is `unknown`, and so is one
 * whose events were removed.
 */
export type RunState = 'unknown' | 'open' | 'ended';

/** How often queue time-outs and silent runs are looked at. */
const SWEEP_MS = 500;
/** Reads of the log at once: after a reconnect every open run has one to make. */
const READS_AT_ONCE = 16;
/** How often an end for a run of another gateway is tried to be stored. */
const CANCEL_TRIES = 5;
const CANCEL_RETRY_MS = 200;

export class RunClient {
  readonly #link: NatsLink;
  readonly #options: RunClientOptions;
  readonly #publisher: RequestPublisher;
  readonly #runs = new Map<string, Run>();
  readonly #limiter = new Limiter(READS_AT_ONCE);
  readonly #cancels: CancelSender;
  readonly #followed: FollowedRuns;
  readonly #presence: Presence;
  readonly #streams: StreamKeeper;
  readonly #closing = new AbortController();
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #draining = false;
  #unread = Promise.withResolvers<void>();

  constructor(link: NatsLink, options: RunClientOptions) {
    this.#link = link;
    this.#cancels = new CancelSender(link);
    this.#options = options;
    this.#streams = new StreamKeeper(link, options);
    this.#publisher = new RequestPublisher({
      link,
      maxOutstandingPerUser: options.maxOutstandingPerUser,
      replicas: options.replicas,
    });
    this.#followed = new FollowedRuns(link, {
      gateway: options.gateway,
      limiter: this.#limiter,
      log: options.log,
      onReaders: (run, here, leaving) => this.#onReaders(run, here, leaving),
      onIncomplete: (run) => this.#runs.get(run)?.incomplete(),
    });
    this.#presence = new Presence(link, {
      ...options,
      onReaders: (run, gateway, reads) => {
        this.#runs.get(run)?.readers.heardElsewhere(gateway, reads);
      },
    });
  }

  /** Connected, streams made, not draining. */
  get ready(): boolean {
    return this.#streams.made && !this.#draining;
  }

  /** Runs that were accepted and have not ended. */
  get open(): number {
    return this.#runs.size;
  }

  /** Begins to listen and to keep the streams made; returns at once. */
  start(): void {
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#removeListener = this.#link.listen({
      up: (connection) => {
        if (this.#subscription === undefined || this.#subscription.isClosed()) {
          this.#subscription = connection.subscribe(gatewayLive(this.#options.gateway), {
            callback: (_error, message) => this.#onMessage(message),
          });
        }
        this.#cancels.repeat();
        this.#followed.up(connection);
        for (const run of this.#runs.values()) run.reconnected();
      },
    });
    this.#streams.start();
    this.#presence.start();
  }

  /** A fresh run id of this gateway. */
  newRunId(): string {
    return newRunId(this.#options.gateway);
  }

  /**
   * Puts a run on the queue. When `signal` aborts meanwhile, the run is undone and the abort
   * thrown.
   * @throws SwitchboardError `too_many_outstanding`, `queue_full`, `queue_unavailable`,
   *   `body_too_large`, `shutting_down`
   */
  async submit(submission: Submission, signal: AbortSignal): Promise<RunHandle> {
    signal.throwIfAborted();
    if (this.#draining) {
      throw new SwitchboardError('shutting_down', 'This gateway is shutting down.', {
        retryAfterMs: 1_000,
      });
    }
    if (!this.#streams.made) throw unavailable();
    const id = submission.run ?? this.newRunId();
    if (gatewayOf(id) !== this.#options.gateway || this.#runs.has(id)) {
      throw new TypeError('not a fresh run id of this gateway');
    }
    const data = encodeRequest(id, submission, this.#link.maxPayload);
    const run = this.#newRun(id, submission);
    // Registered before anything is sent: the first event may come before the acknowledgement.
    this.#runs.set(id, run);
    // A run that goes on by itself is most often not read from its beginning.
    const reader = this.#followed.read(id, { fresh: submission.onDisconnect !== 'continue' });
    try {
      const { profile, user } = submission;
      const queued = await this.#publisher.publish({
        pool: profile.pool,
        user: userToken(user),
        run: id,
        data,
        ttlSeconds: backstopSeconds(profile),
      });
      run.accepted(queued);
    } catch (error) {
      this.#undo(run, reader, error);
      throw error instanceof StoreError ? unavailable(error) : error;
    }
    if (signal.aborted) {
      void run.cancel('client_gone');
      reader.close();
      signal.throwIfAborted();
    }
    return new OwnRun(run, reader);
  }

  /**
   * Adds a reader of any run, of any gateway, live or ended. One that nobody knows has no events
   * (yet). @throws TypeError when `run` is not a run id
   */
  follow(run: string, options: FollowOptions = {}): Promise<FollowHandle> {
    return Promise.resolve(this.#followed.read(run, { begun: options.begun === true }));
  }

  /** @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id */
  async find(run: string): Promise<RunState> {
    const { end, newest } = await this.#ask(() => readStanding(this.#link, run));
    if (end !== undefined) return 'ended';
    return newest === undefined ? 'unknown' : 'open';
  }

  /**
   * What a reader of the run would have been given by now. When part of it is not stored any more,
   * the last event is the failure `answer_incomplete`.
   * @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id
   */
  readLogged(run: string): Promise<readonly RunEvent[]> {
    return this.#ask(() => readWhole(this.#link, run));
  }

  /**
   * Ends a run of any gateway, unless it has its end. Also stores an end for a run that does not
   * exist: the caller knows it. Idempotent; resolves when the end is stored or known.
   * @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id
   */
  async cancelRun(run: string, reason: CancelReason): Promise<void> {
    const own = this.#runs.get(run);
    if (own !== undefined) return own.cancel(reason);
    await this.#ask(() => tryToEnd(this.#link, run, { type: 'cancelled', reason }, 'always'));
    this.#cancels.publish(run);
    this.#followed.catchUp(run);
  }

  /** Refuses new runs and waits until nobody reads an open run here, at most `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    if (!this.#isRead()) return;
    const timeout = new AbortController();
    await Promise.race([this.#unread.promise, abortableSleep(timeoutMs, timeout.signal)]);
    timeout.abort();
  }

  /**
   * Cancels the open runs that nobody can come back to, leaves the others, and stops. The link
   * belongs to the caller.
   */
  async close(): Promise<void> {
    this.#draining = true;
    const ending = [...this.#runs.values()].filter((run) => !run.outlivesGateway);
    const timeout = new AbortController();
    await Promise.race([
      Promise.all(ending.map((run) => run.cancel('shutdown'))),
      abortableSleep(3_000, timeout.signal),
    ]);
    timeout.abort();
    this.#closing.abort();
    clearInterval(this.#sweeper);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
    this.#presence.close();
    this.#streams.close();
    for (const run of this.#runs.values()) run.close();
    this.#followed.close();
  }

  #newRun(id: string, { requestId, profile, ...policy }: Submission): Run {
    return new Run(this.#link, {
      id,
      requestId,
      pool: profile.pool,
      queueTimeoutMs: profile.queue_timeout * 1_000,
      onDisconnect: policy.onDisconnect ?? 'cancel',
      resumeWindowMs: policy.resumeWindowMs ?? 0,
      elsewhereMs: Presence.elsewhereMs(this.#options.readersBeatMs),
      log: this.#options.log,
      incarnation: () => this.#streams.incarnation(profile.pool),
      limiter: this.#limiter,
      lookUp: () => this.#followed.lookUp(id),
      catchUp: () => this.#followed.catchUp(id),
      onEnd: () => this.#forget(id),
      onCancelled: () => this.#cancels.publish(id),
    });
  }

  #onMessage(message: Msg): void {
    const [, , id] = message.subject.split('.');
    if (id === undefined) return;
    const run = this.#runs.get(id);
    if (run === undefined && this.#followed.readersOf(id) === 0) return;
    const heard = toHeard(message, this.#options.log);
    if (heard === undefined) return;
    this.#followed.hear(id, heard);
    run?.hear(heard);
  }

  #onReaders(run: string, here: number, leaving: Leaving | undefined): void {
    if (gatewayOf(run) !== this.#options.gateway) this.#presence.changed(run, here, leaving);
    else this.#runs.get(run)?.readers.changed(here, leaving);
    this.#noteUnread();
  }

  #forget(id: string): void {
    this.#runs.delete(id);
    this.#noteUnread();
  }

  #isRead(): boolean {
    return [...this.#runs.values()].some((run) => run.readers.here > 0);
  }

  #noteUnread(): void {
    if (!this.#draining || this.#isRead()) return;
    this.#unread.resolve();
    this.#unread = Promise.withResolvers();
  }

  /**
   * C3: refused is refused; anything in doubt is ended and taken off the queue when NATS is back.
   */
  #undo(run: Run, reader: Reader, error: unknown): void {
    if (error instanceof StoreError) void run.cancel('client_gone');
    else this.#forget(run.run);
    reader.close();
  }

  /** Tries a few times, for an election or a reconnect. @throws SwitchboardError */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#limiter.run(question);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (tries >= CANCEL_TRIES) throw unavailable(error);
      }
      await abortableSleep(CANCEL_RETRY_MS, this.#closing.signal);
    }
  }

  #sweep(): void {
    const now = Date.now();
    for (const run of this.#runs.values()) run.sweep(now);
    this.#followed.sweep(now, (run) => this.#runs.has(run));
  }
}

/** Longer than anything the run may do; the server's own clean-up behind all others. */
function backstopSeconds(profile: AgentProfile): number {
  return Math.ceil(profile.queue_timeout + 4 * profile.timeout + 3_600);
}

function unavailable(cause?: unknown): SwitchboardError {
  return new SwitchboardError(
    'queue_unavailable',
    'The request queue cannot be reached. Try again in a moment.',
    { retryAfterMs: 2_000, cause },
  );
}
