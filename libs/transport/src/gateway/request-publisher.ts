/**
 * Putting a request on the queue at the user's lowest free rank. One message fits on a subject, so
 * the server itself keeps the ranks exact over all gateways, without a counter.
 */
import {
  rankOf,
  requestsStream,
  requestSubject,
  SwitchboardError,
  userFilter,
} from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError, type Stored } from '../link/store.ts';

export interface PublishOptions {
  readonly pool: string;
  /** Subject token of the user. */
  readonly user: string;
  readonly run: string;
  readonly data: Uint8Array;
  readonly ttlSeconds: number;
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
const JUST_RELEASED_MS = 500;
const RELEASED_MAX = 4_096;

export class RequestPublisher {
  readonly #options: PublisherOptions;
  /** Ranks in use by this gateway, per pool and user. Entries go when the last rank does. */
  readonly #held = new Map<string, Set<number>>();
  /** When a rank was last released, per pool and user; only the latest few thousand are kept. */
  readonly #released = new Map<string, number>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Stores the request. Does not stop half-way when the caller leaves: the answer tells what to
   * undo.
   * @throws SwitchboardError `too_many_outstanding`, `queue_full`, `queue_unavailable`
   * @throws StoreError `unknown`: it may have been stored, and must be undone.
   */
  async publish(options: PublishOptions): Promise<Queued> {
    let rank = this.#lowestNotHeld(options) ?? (await this.#freeRank(options, 0));
    for (let tried = 0; ; tried++) {
      if (rank === undefined) throw this.#tooMany();
      const release = this.#hold(options, rank);
      try {
        const { seq } = await this.#store(options, rank);
        const ended = (): void => {
          release();
          this.#noteReleased(key(options.pool, options.user));
        };
        const subject = requestSubject(options.pool, options.user, rank);
        return { seq, subject, rank, release: ended };
      } catch (error) {
        release();
        if (!(error instanceof StoreError) || error.failure !== 'subject_full') {
          throw toRefusal(error);
        }
      }
      if (tried >= TRIES) throw this.#tooMany();
      rank = await this.#freeRank(options, tried);
    }
  }

  /** Repeats while the outcome is unknown: a duplicate is the success of an earlier try. */
  async #store(options: PublishOptions, rank: number): Promise<Stored> {
    const { pool, user, run, data, ttlSeconds } = options;
    const subject = requestSubject(pool, user, rank);
    const giveUpAtMs = performance.now() + AWAY_WAIT_MS;
    let wasUnknown = false;
    for (let repeat = 1; ;) {
      try {
        const storeOptions = { id: run, ttlSeconds, timeoutMs: REPEAT_TIMEOUT_MS };
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
    const releasedAtMs = this.#released.get(key(pool, user)) ?? -Infinity;
    const justReleased = performance.now() - releasedAtMs < JUST_RELEASED_MS;
    return justReleased ? [0, again, 2 * again, 4 * again, 8 * again] : [0, again];
  }

  async #freeRanks({ pool, user }: PublishOptions): Promise<number[]> {
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
    const held = this.#held.get(key(pool, user));
    const free: number[] = [];
    const doubtful: number[] = [];
    for (let rank = 1; rank <= this.#options.maxOutstandingPerUser; rank++) {
      if (!taken.has(rank)) (held?.has(rank) === true ? doubtful : free).push(rank);
    }
    // Held here but not on the server: on its way there, or the end has not been heard of. Only the
    // server knows which, so it is asked by trying.
    return free.length > 0 ? free : doubtful;
  }

  #lowestNotHeld({ pool, user }: PublishOptions): number | undefined {
    const held = this.#held.get(key(pool, user));
    if (held === undefined) return 1;
    for (let rank = 1; rank <= this.#options.maxOutstandingPerUser; rank++) {
      if (!held.has(rank)) return rank;
    }
    return undefined;
  }

  #hold({ pool, user }: PublishOptions, rank: number): () => void {
    const id = key(pool, user);
    const held = this.#held.get(id) ?? new Set();
    if (held.has(rank)) return () => undefined; // Its holder releases it.
    this.#held.set(id, held.add(rank));
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held.delete(rank);
      if (held.size === 0 && this.#held.get(id) === held) this.#held.delete(id);
    };
  }

  #noteReleased(id: string): void {
    this.#released.delete(id);
    this.#released.set(id, performance.now());
    if (this.#released.size <= RELEASED_MAX) return;
    for (const oldest of this.#released.keys()) {
      this.#released.delete(oldest);
      break;
    }
  }

  #tooMany(): SwitchboardError {
    const most = this.#options.maxOutstandingPerUser;
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
