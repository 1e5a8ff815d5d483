/**
 * What one gateway knows of one pool: its workers as they say, its queue as the server says, and
 * what follows from both.
 *
 * - F1 a queue is asked about at most once in {@link ASK_PAUSE_MS}, however many requests wait, and
 *   only while somebody watches or asks; beside that once in {@link SLOW_MS}.
 * - F2 what is predicted is therefore {@link ASK_PAUSE_MS} old at most while requests come, and
 *   {@link SLOW_MS} for the first one after a pause; what this gateway did since is counted in.
 * - F3 listeners are told four times a second at most.
 */
import type { Lane, Priority } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import {
  type Capacity,
  capacityOf,
  type Position,
  type Prediction,
  ratePerSecond,
  waitMs,
} from './forecast.ts';
import { aheadOfNew, type Place } from './lane-states.ts';
import { Listeners } from './listeners.ts';
import { PoolQueue } from './pool-queue.ts';
import type { QueueState } from './queue-view.ts';
import type { WorkerState, WorkerTable } from './worker-table.ts';

export interface PoolState extends Capacity {
  readonly pool: string;
  /** There may be other workers: this gateway is, or was just now, cut from NATS. */
  readonly stale: boolean;
  readonly workers: readonly WorkerState[];
  /** Undefined while the server has never said. */
  readonly queue: QueueState | undefined;
}

export interface WatchedPoolOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Workers of all pools. */
  readonly table: WorkerTable;
  readonly log: TransportLog;
}

interface Estimate {
  readonly capacity: Capacity;
  /** Slots that run requests or would take one, draining workers' busy ones too. */
  readonly used: number;
  readonly queue: QueueState | undefined;
}

/** How often {@link WatchedPool.tick} is to be called. */
export const TICK_MS = 500;
/** A little less than a tick, so that every tick finds it over. */
const WATCHED_MS = 450;
const ASK_PAUSE_MS = 250;
const SLOW_MS = 5_000;
const NOTIFY_PAUSE_MS = 250;

export class WatchedPool {
  readonly #pool: string;
  readonly #table: WorkerTable;
  readonly #queue: PoolQueue;
  readonly #listeners = new Listeners(NOTIFY_PAUSE_MS);

  constructor({ link, pool, table, log }: WatchedPoolOptions) {
    this.#pool = pool;
    this.#table = table;
    const busy = (): number => capacityOf(table.workers(pool)).busy;
    this.#queue = new PoolQueue({ link, pool, busy, onRead: () => this.notify(), log });
  }

  state(): PoolState {
    const { capacity, queue } = this.#estimate();
    const workers = [...this.#table.workers(this.#pool)].toSorted(byName);
    const stale = this.#table.isStale(this.#pool);
    return { pool: this.#pool, stale, ...capacity, workers, queue };
  }

  /** Undefined while the server has never said how the queue stands. */
  position(place: Place): Position | undefined {
    void this.refresh();
    const { capacity, used } = this.#estimate();
    const ahead = this.#queue.view.ahead(place, used);
    return ahead === undefined ? undefined : { ahead, etaMs: waitMs(ahead, capacity) };
  }

  /** For a new request of this lane and priority. */
  predict(lane: Lane, priority: Priority): Prediction {
    void this.refresh();
    const { capacity, queue } = this.#estimate();
    const ahead = aheadOfNew({ priority, lane }, queue?.lanes ?? []);
    return {
      waitMs: waitMs(ahead, capacity),
      serviceMs: capacity.serviceMs,
      ratePerSecond: ratePerSecond(capacity),
    };
  }

  submitted(bytes: number, place?: Place): void {
    this.#queue.view.submitted(bytes, place);
    this.notify();
  }

  ended(): void {
    this.#queue.view.ended();
    this.notify();
  }

  /** Asks the server how the queue stands, unless it was asked just now. Never rejects. */
  async refresh(): Promise<void> {
    await this.#queue.refresh(ASK_PAUSE_MS);
  }

  watch(listener: () => void): () => void {
    void this.refresh();
    return this.#listeners.add(listener);
  }

  /** Something of it has changed. */
  notify(): void {
    this.#listeners.notify();
  }

  /** NATS is there, again. */
  up(): void {
    void this.#queue.refresh();
    this.notify();
  }

  tick(): void {
    void this.#queue.refresh(this.#listeners.size > 0 ? WATCHED_MS : SLOW_MS);
  }

  close(): void {
    this.#listeners.close();
  }

  #estimate(): Estimate {
    const capacity = capacityOf(this.#table.workers(this.#pool));
    const used = capacity.busy + capacity.free;
    const queue = this.#queue.view.state(used);
    // A slot that was filled a moment ago has not said so yet.
    const free = Math.min(capacity.free, Math.max(0, used - (queue?.running ?? 0)));
    return { capacity: { ...capacity, free }, used, queue };
  }
}

const byName = (a: WorkerState, b: WorkerState): number => (a.worker < b.worker ? -1 : 1);
