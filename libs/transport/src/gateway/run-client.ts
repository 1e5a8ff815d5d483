/**
 * The gateway's side of runs: submit, follow, cancel.
 *
 * - C1 a run that `submit` returned ends exactly once, whatever happens to workers and NATS.
 * - C2 an end written here is stored first, then the worker is told, then the request is deleted:
 *   before it is stored, a crash would lose the end, or run for nobody.
 * - C3 a request whose storing is in doubt is undone ({@link RunSubmitter}).
 * - C4 every reader of a run, at any gateway, is given the same events in the same order.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  gatewayLive,
  gatewayOf,
  type Lane,
  newRunId,
  type RunEvent,
  SwitchboardError,
  userToken,
} from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import type { StreamBounds } from '../link/topology.ts';
import { AnyRuns, type RunState } from './any-runs.ts';
import { CancelSender } from './cancel-sender.ts';
import { FollowedRuns } from './followed-runs.ts';
import type { FollowHandle, RunHandle } from './handles.ts';
import { toHeard } from './heard.ts';
import { Limiter } from './limiter.ts';
import { LogWarmth } from './log-warmth.ts';
import { Presence } from './presence.ts';
import { OwnRuns } from './own-runs.ts';
import type { PoolPlace, QueueObserver } from './queue-places.ts';
import { queueUnavailable } from './queue-unavailable.ts';
import type { Leaving } from './readers.ts';
import type { CancelReason } from './run.ts';
import { RunSubmitter } from './run-submitter.ts';
import { RequestPublisher } from './request-publisher.ts';
import { StreamKeeper } from './stream-keeper.ts';
import type { Submission } from './submission.ts';

export type { RunState } from './any-runs.ts';

export interface RunClientOptions extends StreamBounds {
  /** This gateway's token: part of every run id and subject it makes. */
  readonly gateway: string;
  /** Worker classes whose queues are made; see {@link RunClient.addPool}. */
  readonly pools: readonly string[];
  readonly maxOutstandingPerUser: number;
  /** Who counts along what this client puts into the queues. */
  readonly queue?: QueueObserver | undefined;
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

/** How often queue time-outs and silent runs are looked at. */
const SWEEP_MS = 500;
/** Reads of the log at once: after a reconnect every open run has one to make. */
const READS_AT_ONCE = 16;
/** How long the ends of cancelled runs may take to be stored when the gateway closes. */
const CLOSE_GRACE_MS = 3_000;

export class RunClient {
  readonly #link: NatsLink;
  readonly #options: RunClientOptions;
  readonly #runs: OwnRuns;
  readonly #publisher: RequestPublisher;
  readonly #submitter: RunSubmitter;
  readonly #any: AnyRuns;
  readonly #cancels: CancelSender;
  readonly #followed: FollowedRuns;
  readonly #presence: Presence;
  readonly #streams: StreamKeeper;
  readonly #warmth: LogWarmth;
  readonly #closing = new AbortController();
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #draining = false;

  constructor(link: NatsLink, options: RunClientOptions) {
    this.#link = link;
    const limiter = new Limiter(READS_AT_ONCE);
    this.#any = new AnyRuns(link, limiter, this.#closing.signal);
    this.#cancels = new CancelSender(link);
    this.#options = options;
    this.#streams = new StreamKeeper(link, options);
    this.#warmth = new LogWarmth(link, options);
    this.#followed = new FollowedRuns(link, {
      gateway: options.gateway,
      limiter,
      log: options.log,
      onReaders: (run, here, leaving) => this.#onReaders(run, here, leaving),
      onIncomplete: (run) => this.#runs.get(run)?.incomplete(),
    });
    this.#runs = new OwnRuns(link, {
      streams: this.#streams,
      followed: this.#followed,
      cancels: this.#cancels,
      limiter,
      queue: options.queue,
      elsewhereMs: Presence.elsewhereMs(options.readersBeatMs),
      log: options.log,
    });
    const { maxOutstandingPerUser, replicas } = options;
    this.#publisher = new RequestPublisher({ link, maxOutstandingPerUser, replicas });
    this.#submitter = new RunSubmitter({
      link,
      runs: this.#runs,
      followed: this.#followed,
      publisher: this.#publisher,
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
        this.#runs.reconnected();
      },
    });
    this.#streams.start();
    this.#presence.start();
  }

  /** Makes the queue of one more pool, and keeps it made; returns at once. Idempotent. */
  addPool(pool: string): void {
    this.#streams.addPool(pool);
  }

  /** Whether requests for the pool can be put on its queue. */
  hasPool(pool: string): boolean {
    return this.#streams.incarnation(pool) !== undefined;
  }

  /** Where its request lies, while it is open; undefined for a run that is not of this client. */
  placeOf(run: string): PoolPlace | undefined {
    return this.#runs.placeOf(run);
  }

  /** A fresh run id of this gateway. */
  newRunId(): string {
    return newRunId(this.#options.gateway);
  }

  /** The lane that the user's next request would take, as far as this gateway knows. */
  nextLane(pool: string, { account, user }: { account: string; user: string }): Lane {
    return this.#publisher.nextLane(pool, userToken(account), userToken(user));
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
    if (!this.hasPool(submission.profile.pool)) throw queueUnavailable();
    const id = submission.run ?? this.newRunId();
    if (gatewayOf(id) !== this.#options.gateway || this.#runs.has(id)) {
      throw new TypeError('not a fresh run id of this gateway');
    }
    return this.#submitter.submit(id, submission, signal);
  }

  /**
   * Adds a reader of any run, of any gateway, live or ended. One that nobody knows has no events
   * (yet). @throws TypeError when `run` is not a run id
   */
  follow(run: string, options: FollowOptions = {}): Promise<FollowHandle> {
    return Promise.resolve(this.#followed.read(run, { begun: options.begun === true }));
  }

  /** @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id */
  find(run: string): Promise<RunState> {
    return this.#any.find(run);
  }

  /**
   * What a reader of the run would have been given by now. When part of it is not stored any more,
   * the last event is the failure `answer_incomplete`.
   * @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id
   */
  readLogged(run: string): Promise<readonly RunEvent[]> {
    return this.#any.readLogged(run);
  }

  /**
   * Ends a run of any gateway, unless it has its end. Also stores an end for a run that does not
   * exist: the caller knows it. Idempotent; resolves when the end is stored or known.
   * @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id
   */
  async cancelRun(run: string, reason: CancelReason): Promise<void> {
    const own = this.#runs.get(run);
    if (own !== undefined) return own.cancel(reason);
    await this.#any.cancel(run, reason);
    this.#cancels.publish(run);
    this.#followed.catchUp(run);
  }

  /** Refuses new runs and waits until nobody reads an open run here, at most `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    await this.#runs.untilUnread(timeoutMs);
  }

  /**
   * Cancels the open runs that nobody can come back to, leaves the others, and stops. The link
   * belongs to the caller.
   */
  async close(): Promise<void> {
    this.#draining = true;
    await this.#runs.close(CLOSE_GRACE_MS);
    this.#closing.abort();
    clearInterval(this.#sweeper);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
    this.#presence.close();
    this.#streams.close();
    this.#followed.close();
  }

  #onMessage(message: Msg): void {
    this.#warmth.heard();
    const [, , id] = message.subject.split('.');
    if (id === undefined) return;
    if (!this.#runs.has(id) && this.#followed.readersOf(id) === 0) return;
    const heard = toHeard(message, this.#options.log);
    if (heard === undefined) return;
    this.#followed.hear(id, heard);
    this.#runs.hear(id, heard);
  }

  #onReaders(run: string, here: number, leaving: Leaving | undefined): void {
    if (gatewayOf(run) !== this.#options.gateway) this.#presence.changed(run, here, leaving);
    else this.#runs.get(run)?.readers.changed(here, leaving);
    this.#runs.noteReaders();
  }

  #sweep(): void {
    const now = performance.now();
    this.#warmth.tick();
    this.#runs.sweep();
    this.#followed.sweep(now, (run) => this.#runs.has(run));
  }
}
