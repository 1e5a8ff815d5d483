/** The runs that this gateway made and that have not ended, as far as it knows. */
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import type { Heard } from './heard.ts';
import type { CancelSender } from './cancel-sender.ts';
import type { FollowedRuns } from './followed-runs.ts';
import type { Limiter } from './limiter.ts';
import { type PoolPlace, type QueueObserver, QueuePlaces } from './queue-places.ts';
import type { Queued } from './request-publisher.ts';
import { Run } from './run.ts';
import type { StreamKeeper } from './stream-keeper.ts';
import type { Submission } from './submission.ts';

export interface OwnRunsOptions {
  readonly streams: StreamKeeper;
  readonly followed: FollowedRuns;
  readonly cancels: CancelSender;
  readonly limiter: Limiter;
  readonly queue: QueueObserver | undefined;
  /** How long a reader at another gateway is counted after its last word. */
  readonly elsewhereMs: number;
  readonly log: TransportLog;
}

export class OwnRuns {
  readonly #link: NatsLink;
  readonly #options: OwnRunsOptions;
  readonly #runs = new Map<string, Run>();
  readonly #places: QueuePlaces;
  /** Set while somebody waits until nobody reads. */
  #unread: PromiseWithResolvers<void> | undefined;

  constructor(link: NatsLink, options: OwnRunsOptions) {
    this.#link = link;
    this.#options = options;
    this.#places = new QueuePlaces(options.queue);
  }

  get size(): number {
    return this.#runs.size;
  }

  has(id: string): boolean {
    return this.#runs.has(id);
  }

  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  add(id: string, { requestId, profile, ...policy }: Submission): Run {
    const { streams, followed, cancels, limiter, elsewhereMs, log } = this.#options;
    const run = new Run(this.#link, {
      id,
      requestId,
      pool: profile.pool,
      queueTimeoutMs: profile.queue_timeout * 1_000,
      deadlineMs: policy.deadlineMs,
      onDisconnect: policy.onDisconnect ?? 'cancel',
      resumeWindowMs: policy.resumeWindowMs ?? 0,
      elsewhereMs,
      log,
      incarnation: () => streams.incarnation(profile.pool),
      limiter,
      lookUp: () => followed.lookUp(id),
      catchUp: () => followed.catchUp(id),
      onEnd: (outcome) => {
        this.forget(id);
        policy.onEnd?.(outcome);
      },
      onCancelled: () => cancels.publish(id),
    });
    this.#runs.set(id, run);
    return run;
  }

  placeOf(id: string): PoolPlace | undefined {
    return this.#places.get(id);
  }

  /** The queue has taken it, in a message of so many bytes. */
  accepted(id: string, queued: Queued, bytes: number): void {
    const run = this.#runs.get(id);
    // It may have ended before the queue's answer was here.
    if (run !== undefined) this.#places.queued(id, run.pool, queued, bytes);
  }

  forget(id: string): void {
    this.#runs.delete(id);
    this.#places.ended(id);
    this.noteReaders();
  }

  hear(id: string, heard: Heard): void {
    this.#runs.get(id)?.hear(heard);
  }

  reconnected(): void {
    for (const run of this.#runs.values()) run.reconnected();
  }

  sweep(): void {
    for (const run of this.#runs.values()) run.sweep();
  }

  /** Readers have come or gone. */
  noteReaders(): void {
    if (this.#unread === undefined || this.#isRead()) return;
    this.#unread.resolve();
    this.#unread = undefined;
  }

  /** Resolves when nobody reads an open run here, after at most `timeoutMs`. */
  async untilUnread(timeoutMs: number): Promise<void> {
    if (!this.#isRead()) return;
    this.#unread ??= Promise.withResolvers<void>();
    await atMost(timeoutMs, this.#unread.promise);
  }

  /** Cancels the runs that nobody can come back to, and lets go of all. */
  async close(timeoutMs: number): Promise<void> {
    const ending = [...this.#runs.values()].filter((run) => !run.outlivesGateway);
    await atMost(timeoutMs, Promise.all(ending.map((run) => run.cancel('shutdown'))));
    for (const run of this.#runs.values()) run.close();
  }

  #isRead(): boolean {
    return [...this.#runs.values()].some((run) => run.readers.here > 0);
  }
}

async function atMost(timeoutMs: number, done: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([done, abortableSleep(timeoutMs, over.signal)]);
  over.abort();
}
