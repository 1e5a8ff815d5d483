/**
 * Which workers live, as this gateway hears it.
 *
 * - W1 a worker is not shown longer than {@link FLEET_LOST_MS} after its last word.
 * - W2 except that who could not hear does not judge: while this gateway is cut from NATS nobody is
 *   forgotten, and after that, or after a stand-still of this process, everybody has the same time
 *   again to be heard. Until then the table says that it is stale.
 * - W3 a worker that was started anew under its name is not shown twice.
 * - W4 it holds a bounded number of workers. When it is full, the ones it knows stay.
 */
import { FLEET_LOST_MS, type WorkerWord } from '@switchboard/contract';

/** One worker, as it last said. */
export interface WorkerState {
  readonly worker: string;
  readonly slots: number;
  readonly busy: number;
  readonly draining: boolean;
  /** How long a run holds a slot; undefined before the first has ended. */
  readonly serviceMs?: number | undefined;
  /** Runs that the service time was measured on. */
  readonly served: number;
  /** Epoch milliseconds, by the worker's clock. */
  readonly startedAtMs: number;
}

interface Known {
  readonly word: WorkerWord;
  readonly heardAtMs: number;
}

/** A tick that comes later than this after the one before: the process stood still. */
const STOOD_STILL_MS = 2_000;
const WORKERS_MAX = 10_000;

export class WorkerTable {
  readonly #now: () => number;
  readonly #max: number;
  readonly #known = new Map<string, Known>();
  #connected = false;
  /** Since when nothing can have been missed. */
  #listeningSinceMs = -Infinity;
  #tickedAtMs: number;

  /** `now`: a monotonic clock, milliseconds. */
  constructor(now: () => number = () => performance.now(), max = WORKERS_MAX) {
    this.#now = now;
    this.#max = max;
    this.#tickedAtMs = now();
  }

  /** Workers of all pools that are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** @returns whether there was room for it. */
  hear(token: string, word: WorkerWord): boolean {
    if (word.gone === true) {
      this.#known.delete(token);
      return true;
    }
    if (!this.#known.has(token)) {
      if (this.#known.size >= this.#max) return false;
      this.#replaceOlder(word);
    }
    this.#known.set(token, { word, heardAtMs: this.#now() });
    return true;
  }

  up(): void {
    this.#connected = true;
    this.#listeningSinceMs = this.#now();
  }

  down(): void {
    this.#connected = false;
  }

  /** To be called at least every second. @returns the pools that lost a worker. */
  tick(): ReadonlySet<string> {
    const now = this.#now();
    if (now - this.#tickedAtMs > STOOD_STILL_MS) this.#listeningSinceMs = now;
    this.#tickedAtMs = now;
    const changed = new Set<string>();
    for (const [token, known] of this.#known) {
      if (!this.#isLost(known, now)) continue;
      this.#known.delete(token);
      changed.add(known.word.pool);
    }
    return changed;
  }

  /** The workers of a pool, in no order. */
  *workers(pool: string): Generator<WorkerState> {
    const now = this.#now();
    for (const known of this.#known.values()) {
      if (known.word.pool === pool && !this.#isLost(known, now)) yield known.word;
    }
  }

  /** Whether there may be others than the ones shown, or fewer. */
  isStale(pool: string): boolean {
    if (!this.#connected) return true;
    let isKnown = false;
    for (const { word, heardAtMs } of this.#known.values()) {
      if (word.pool !== pool) continue;
      if (heardAtMs < this.#listeningSinceMs) return true;
      isKnown = true;
    }
    return !isKnown && this.#now() - this.#listeningSinceMs <= FLEET_LOST_MS;
  }

  #isLost({ heardAtMs }: Known, now: number): boolean {
    // What was said while this process stood still has not been read yet.
    if (!this.#connected || now - this.#tickedAtMs > STOOD_STILL_MS) return false;
    return now - Math.max(heardAtMs, this.#listeningSinceMs) > FLEET_LOST_MS;
  }

  /** W3. One that lives all the same is there again with its next word. */
  #replaceOlder({ pool, worker, startedAtMs }: WorkerWord): void {
    for (const [token, { word }] of this.#known) {
      const isOlder = word.startedAtMs < startedAtMs;
      if (isOlder && word.worker === worker && word.pool === pool) this.#known.delete(token);
    }
  }
}
