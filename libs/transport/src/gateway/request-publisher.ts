/**
 * Putting a request on the queue at the user's lowest free rank. One message fits on a subject, so
 * the server itself keeps the ranks exact over all gateways, without a counter.
 */
import {
  accountFilter,
  type Lane,
  laneOf,
  type Priority,
  rankOf,
  requestsStream,
  requestSubject,
  SwitchboardError,
  userFilter,
} from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError, type Stored, type StoreOptions } from '../link/store.ts';
import { AccountCaps } from '../limits/account-caps.ts';
import { HeldRanks } from './held-ranks.ts';

export interface PublishOptions {
  readonly pool: string;
  readonly priority: Priority;
  /** Subject token of the account that the user belongs to; its own where there is none. */
  readonly account: string;
  /** Subject token of the user. */
  readonly user: string;
  readonly run: string;
  readonly data: Uint8Array;
  readonly ttlSeconds: number;
  /** Most requests of this user, where it is not what the publisher has for everybody. */
  readonly maxOutstanding?: number | undefined;
  /** Most requests of all users of the account together; undefined: each for itself. */
  readonly accountMost?: number | undefined;
}

export interface Queued {
  readonly seq: number;
  readonly subject: string;
  readonly rank: number;
  /** Frees the rank in this gateway's own view; the server frees it when the message goes. */
  release(): void;
}

export interface PublisherOptions {
  readonly link: NatsLink;
  readonly maxOutstandingPerUser: number;
  readonly replicas: number;
}

/** Ranks tried after the first was refused; the rank map is read again before each. */
const TRIES = 12;
/** A publish without an answer is repeated under the same id; so often, then it is unknown. */
const REPEATS = 3;
const REPEAT_TIMEOUT_MS = 1_500;
/** How long a missing leader or stream is waited for. */
const AWAY_WAIT_MS = 2_000;
const RETRY_AFTER_MS = 2_000;

export class RequestPublisher {
  readonly #options: PublisherOptions;
  readonly #ranks = new HeldRanks();
  readonly #caps: AccountCaps;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#caps = new AccountCaps(options.link);
  }

  /**
   * Stores the request. Does not stop half-way when the caller leaves: the answer tells what to
   * undo.
   * @throws SwitchboardError `too_many_outstanding`, `queue_full`, `queue_unavailable`
   * @throws StoreError `unknown`: it may have been stored, and must be undone.
   */
  async publish(options: PublishOptions): Promise<Queued> {
    const { pool, user } = options;
    const id = key(pool, user);
    let rank =
      this.#ranks.lowestFree(id, this.#most(options)) ?? (await this.#freeRank(options, 0));
    for (let tried = 0; ; tried++) {
      if (rank === undefined) throw this.#tooMany(options);
      const release = this.#ranks.hold(id, rank);
      try {
        const { seq } = await this.#storeWithin(options, rank);
        const ended = (): void => {
          release();
          this.#ranks.noteEnded(id);
        };
        const subject = requestSubject(pool, { ...options, rank });
        return { seq, subject, rank, release: ended };
      } catch (error) {
        release();
        if (!(error instanceof StoreError) || error.failure !== 'subject_full') {
          throw toRefusal(error);
        }
      }
      if (tried >= TRIES) throw this.#tooMany(options);
      rank = await this.#freeRank(options, tried);
    }
  }

  /** The lane of the user's next request, as far as this gateway knows. */
  nextLane(pool: string, account: string, user: string): Lane {
    // Ranks from 8 on share the last lane.
    const rank = this.#ranks.lowestFree(key(pool, user), 8) ?? 8;
    return laneOf({ account, user, rank });
  }

  /** Only while the account has room, where its users have a bound together. */
  #storeWithin(options: PublishOptions, rank: number): Promise<Stored> {
    const { accountMost: most, account, pool } = options;
    if (most === undefined) return this.#store(options, rank);
    const bound = { stream: requestsStream(pool), filter: accountFilter(pool, account), most };
    return this.#caps.store(bound, (expected) => this.#store(options, rank, expected));
  }

  /** Repeats while the outcome is unknown: a duplicate is the success of an earlier try. */
  async #store(
    options: PublishOptions,
    rank: number,
    expected: Pick<StoreOptions, 'expectedLast' | 'filter'> = {},
  ): Promise<Stored> {
    const { pool, run, data, ttlSeconds } = options;
    const subject = requestSubject(pool, { ...options, rank });
    const giveUpAtMs = performance.now() + AWAY_WAIT_MS;
    let wasUnknown = false;
    for (let repeat = 1; ;) {
      try {
        const storeOptions = { id: run, ttlSeconds, timeoutMs: REPEAT_TIMEOUT_MS, ...expected };
        return await store(this.#options.link, subject, data, storeOptions);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.failure === 'unknown') {
          wasUnknown = true;
          if (repeat >= REPEATS) throw error;
          repeat += 1;
        } else if (error.failure === 'away') {
          const over = !this.#options.link.connected || performance.now() > giveUpAtMs;
          if (over) throw wasUnknown ? new StoreError('unknown', error.message, error) : error;
          await abortableSleep(100, new AbortController().signal);
        } else {
          // A repeat is only refused when the first was not stored, or is gone again.
          throw error;
        }
      }
    }
  }

  /** Asks the server which ranks are taken: the lowest free one, later a random free one. */
  async #freeRank(options: PublishOptions, tried: number): Promise<number | undefined> {
    for (const delayMs of this.#askDelaysMs(options)) {
      if (delayMs > 0) await abortableSleep(delayMs, new AbortController().signal);
      const free = await this.#freeRanks(options);
      if (free.length === 0) continue;
      return tried === 0 ? free[0] : free[Math.floor(Math.random() * free.length)];
    }
    return undefined;
  }

  /**
   * A run's end is read before its message has gone from the queue, so "none free" is asked again
   * before it becomes a 429: after 10 ms (50 on replicas, where the going takes a round more), and
   * for longer when this gateway has just seen one of the user's runs end.
   */
  #askDelaysMs({ pool, user }: PublishOptions): readonly number[] {
    const again = this.#options.replicas > 1 ? 50 : 10;
    const justEnded = this.#ranks.hasJustEnded(key(pool, user));
    return justEnded ? [0, again, 2 * again, 4 * again, 8 * again] : [0, again];
  }

  async #freeRanks(options: PublishOptions): Promise<number[]> {
    const { pool, user } = options;
    let taken: Set<number>;
    try {
      const call = `STREAM.INFO.${requestsStream(pool)}`;
      const body = { subjects_filter: userFilter(pool, user) };
      const info = (await api(this.#options.link, call, body)) as {
        state?: { subjects?: Record<string, number> };
      };
      taken = new Set(
        Object.keys(info.state?.subjects ?? {}).map((subject) => rankOf(subject) ?? 0),
      );
    } catch (error) {
      throw toRefusal(error);
    }
    const free: number[] = [];
    const doubtful: number[] = [];
    for (let rank = 1; rank <= this.#most(options); rank++) {
      if (!taken.has(rank)) (this.#ranks.has(key(pool, user), rank) ? doubtful : free).push(rank);
    }
    // Held here but not on the server: on its way there, or the end has not been heard of. Only the
    // server knows which, so it is asked by trying.
    return free.length > 0 ? free : doubtful;
  }

  #most({ maxOutstanding }: PublishOptions): number {
    return maxOutstanding ?? this.#options.maxOutstandingPerUser;
  }

  #tooMany(options: PublishOptions): SwitchboardError {
    const most = this.#most(options);
    return new SwitchboardError(
      'too_many_outstanding',
      `You have ${most} requests waiting or running, which is the most allowed. ` +
        'Wait for one of them to end.',
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }
}

const key = (pool: string, user: string): string => `${pool} ${user}`;

function toRefusal(error: unknown): unknown {
  if (!(error instanceof StoreError) || error.failure === 'unknown') return error;
  if (error.failure === 'stream_full') {
    return new SwitchboardError(
      'queue_full',
      'The system holds as many requests as it may. Try again later.',
      { retryAfterMs: RETRY_AFTER_MS, cause: error },
    );
  }
  return new SwitchboardError(
    'queue_unavailable',
    'The request queue cannot be reached. Try again in a moment.',
    { retryAfterMs: RETRY_AFTER_MS, cause: error },
  );
}
