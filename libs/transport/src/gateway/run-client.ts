/**
 * The gateway's side of runs: submit, follow, cancel.
 *
 * - C1 a run that `submit` returned ends exactly once, whatever happens to workers and NATS.
 * - C2 an end written here is stored first, then the request is deleted, then the worker is told:
 *   in every other order a crash between two steps loses the end or runs for nobody.
 * - C3 a request whose storing is in doubt is undone, so that nobody pays for an answer nobody
 *   waits for.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  type AgentProfile,
  type ChatRequest,
  decodeEvents,
  ENVELOPE_BYTES,
  gatewayEvents,
  newRunId,
  type RunEvent,
  type RunRequest,
  SwitchboardError,
  toError,
  userToken,
} from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { StoreError } from '../link/store.ts';
import { ensureStreams, type StreamBounds } from '../link/topology.ts';
import { CancelSender } from './cancel-sender.ts';
import { Limiter } from './limiter.ts';
import { type CancelReason, Run } from './run.ts';
import { RequestPublisher } from './request-publisher.ts';

export interface RunClientOptions extends StreamBounds {
  /** This gateway's token: part of every run id and subject it makes. */
  readonly gateway: string;
  /** Worker classes whose queues are made. */
  readonly pools: readonly string[];
  readonly maxOutstandingPerUser: number;
  readonly log: TransportLog;
}

export interface Submission {
  readonly requestId: string;
  /** Identity for fairness; hashed before it leaves the process. */
  readonly user: string;
  readonly profile: AgentProfile;
  /** What followed the prefix of a wildcard profile. */
  readonly model?: string | undefined;
  readonly stream: boolean;
  readonly chat: ChatRequest;
}

/** One accepted run. */
export interface RunHandle {
  readonly run: string;
  /** When it was stored in the queue, epoch milliseconds. */
  readonly acceptedAtMs: number;
  /**
   * In order, each once; the last is the end. For one reader. Never throws for what a run can do.
   */
  events(signal?: AbortSignal): AsyncIterable<RunEvent>;
  /**
   * Ends the run wherever it is. Idempotent; resolves when the end is stored or known. Never
   * throws.
   */
  cancel(reason: CancelReason): Promise<void>;
}

/** How often queue time-outs and silent runs are looked at. */
const SWEEP_MS = 500;
/** Reads of the log at once: after a reconnect every open run has one to make. */
const READS_AT_ONCE = 16;

export class RunClient {
  readonly #link: NatsLink;
  readonly #options: RunClientOptions;
  readonly #publisher: RequestPublisher;
  readonly #runs = new Map<string, Run>();
  readonly #limiter = new Limiter(READS_AT_ONCE);
  readonly #cancels: CancelSender;
  /** When each pool's stream was made. */
  readonly #incarnations = new Map<string, string>();
  readonly #closing = new AbortController();
  #subscription: Subscription | undefined;
  #removeListener: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #ensured = false;
  #draining = false;
  #empty = Promise.withResolvers<void>();

  constructor(link: NatsLink, options: RunClientOptions) {
    this.#link = link;
    this.#cancels = new CancelSender(link);
    this.#options = options;
    this.#publisher = new RequestPublisher({
      link,
      maxOutstandingPerUser: options.maxOutstandingPerUser,
      replicas: options.replicas,
    });
  }

  /** Connected, streams made, not draining. */
  get ready(): boolean {
    return this.#link.connected && this.#ensured && !this.#draining;
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
          this.#subscription = connection.subscribe(gatewayEvents(this.#options.gateway), {
            callback: (_error, message) => this.#onMessage(message),
          });
        }
        void this.#ensure(this.#link.epoch);
        this.#cancels.repeat();
        for (const run of this.#runs.values()) run.reconnected();
      },
      down: () => {
        this.#ensured = false;
      },
    });
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
    if (!this.#link.connected || !this.#ensured) throw unavailable();
    const id = newRunId(this.#options.gateway);
    const { profile } = submission;
    const run = new Run(this.#link, {
      id,
      requestId: submission.requestId,
      pool: profile.pool,
      queueTimeoutMs: profile.queue_timeout * 1_000,
      log: this.#options.log,
      incarnation: () => (this.#ensured ? this.#incarnations.get(profile.pool) : undefined),
      limiter: this.#limiter,
      onEnd: () => this.#forget(id),
      onCancelled: () => this.#cancels.publish(id),
    });
    // Registered before anything is sent: the first event may come before the acknowledgement.
    this.#runs.set(id, run);
    try {
      const queued = await this.#publisher.publish({
        pool: profile.pool,
        user: userToken(submission.user),
        run: id,
        data: this.#encode(id, submission),
        ttlSeconds: backstopSeconds(profile),
      });
      run.accepted(queued);
    } catch (error) {
      this.#undo(run, error);
      throw error instanceof StoreError ? unavailable(error) : error;
    }
    if (signal.aborted) {
      void run.cancel('client_gone');
      signal.throwIfAborted();
    }
    return run;
  }

  /** Refuses new runs and waits until those there are have ended, at most `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    if (this.#runs.size === 0) return;
    const timeout = new AbortController();
    await Promise.race([this.#empty.promise, abortableSleep(timeoutMs, timeout.signal)]);
    timeout.abort();
  }

  /** Cancels what is still open and stops. The link belongs to the caller. */
  async close(): Promise<void> {
    this.#draining = true;
    const cancels = [...this.#runs.values()].map((run) => run.cancel('shutdown'));
    const timeout = new AbortController();
    await Promise.race([Promise.all(cancels), abortableSleep(3_000, timeout.signal)]);
    timeout.abort();
    this.#closing.abort();
    clearInterval(this.#sweeper);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
    for (const run of this.#runs.values()) run.close();
  }

  #onMessage(message: Msg): void {
    // events.<gateway>.<run>.claim, ….log.<attempt> or ….end
    const [, , id, kind] = message.subject.split('.');
    const run = id === undefined ? undefined : this.#runs.get(id);
    if (run === undefined) return;
    try {
      run.push(decodeEvents(message.string()), kind === 'end');
    } catch (error) {
      // Not its message: a parser quotes what it could not read.
      this.#options.log.error(
        { ...run.names, reason: toError(error).name },
        'unreadable run event',
      );
    }
  }

  #forget(id: string): void {
    this.#runs.delete(id);
    if (this.#runs.size === 0) {
      this.#empty.resolve();
      this.#empty = Promise.withResolvers();
    }
  }

  /**
   * C3: refused is refused; anything in doubt is ended and taken off the queue when NATS is back.
   */
  #undo(run: Run, error: unknown): void {
    if (error instanceof StoreError) void run.cancel('client_gone');
    else this.#forget(run.run);
  }

  #encode(id: string, submission: Submission): Uint8Array {
    const { requestId, profile, model, stream, chat } = submission;
    const request: RunRequest = {
      v: 1,
      run: id,
      requestId,
      agent: profile.name,
      ...(model === undefined ? {} : { model }),
      stream,
      chat,
      queueTimeoutMs: Math.round(profile.queue_timeout * 1_000),
    };
    const data = new TextEncoder().encode(JSON.stringify(request));
    const most = this.#link.maxPayload - ENVELOPE_BYTES;
    if (data.length > most) {
      throw new SwitchboardError(
        'body_too_large',
        `The request is ${data.length} bytes; the most this system takes is ${most}.`,
      );
    }
    return data;
  }

  #sweep(): void {
    const now = Date.now();
    for (const run of this.#runs.values()) run.sweep(now);
  }

  /** One loop per connection epoch: what an earlier one still waits for is not waited for here. */
  async #ensure(epoch: number): Promise<void> {
    let reported = '';
    while (!this.#closing.signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        const { pools } = this.#options;
        const made = await ensureStreams(this.#link.connection, pools, this.#options);
        for (const [pool, created] of made) this.#incarnations.set(pool, created);
        if (this.#link.epoch === epoch) this.#ensured = true;
        return;
      } catch (error) {
        const reason = toError(error).message;
        if (reason !== reported) this.#options.log.warn({ reason }, 'streams not made; trying on');
        reported = reason;
        await abortableSleep(250, this.#closing.signal);
      }
    }
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
