/**
 * What one gateway knows of the fleet: the workers as they say, the queues as the server says, and
 * what follows from both for a request that waits or would have to.
 *
 * - F1 a queue is asked about at most once in {@link ASK_PAUSE_MS}, however many requests wait, and
 *   only while somebody watches or asks; beside that once in {@link SLOW_MS}.
 * - F2 what is predicted is therefore {@link ASK_PAUSE_MS} old at most while requests come, and
 *   {@link SLOW_MS} for the first one after a pause; what this gateway did since is counted in.
 * - F3 listeners are told four times a second at most.
 * - F4 a pool is watched that this gateway was told of, or whose worker says that it has agents.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import {
  type AgentProfile,
  FLEET_ASK,
  fleetSubjects,
  type Lane,
  type Priority,
  type WorkerWord,
} from '@switchboard/contract';
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
import { AgentTable } from './agent-table.ts';
import { Listeners } from './listeners.ts';
import { aheadOfNew, type Place } from './lane-states.ts';
import { PoolQueue } from './pool-queue.ts';
import type { QueueState } from './queue-view.ts';
import { readWord } from './read-word.ts';
import { type WorkerState, WorkerTable } from './worker-table.ts';

export interface PoolState extends Capacity {
  readonly pool: string;
  /** There may be other workers: this gateway is, or was just now, cut from NATS. */
  readonly stale: boolean;
  readonly workers: readonly WorkerState[];
  /** Undefined while the server has never said. */
  readonly queue: QueueState | undefined;
}

export interface FleetOptions {
  /** Those that are watched from the start. */
  readonly pools: readonly string[];
  /** Another pool is watched from now on. */
  readonly onPool?: ((pool: string) => void) | undefined;
  readonly log: TransportLog;
}

interface Watched {
  readonly queue: PoolQueue;
  readonly listeners: Listeners;
}

interface Estimate {
  readonly capacity: Capacity;
  /** Slots that run requests or would take one, draining workers' busy ones too. */
  readonly used: number;
  readonly queue: QueueState | undefined;
}

const TICK_MS = 500;
/** A little less than a tick, so that every tick finds it over. */
const WATCHED_MS = 450;
const ASK_PAUSE_MS = 250;
const SLOW_MS = 5_000;
const NOTIFY_PAUSE_MS = 250;
/** How long after its first connect a gateway takes to know who answered it. */
const SETTLE_MS = 300;
/** Pools that are watched. */
const POOLS_MAX = 256;

export class Fleet {
  readonly #link: NatsLink;
  readonly #options: FleetOptions;
  readonly #log: TransportLog;
  readonly #table = new WorkerTable();
  readonly #agents: AgentTable;
  readonly #watched = new Map<string, Watched>();
  #subscription: Subscription | undefined;
  #askedAtMs: number | undefined;
  #removeListener: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;

  constructor(link: NatsLink, options: FleetOptions) {
    this.#link = link;
    this.#options = options;
    this.#log = options.log;
    this.#agents = new AgentTable({
      onTaken: (agent, pool, holder) => {
        const message = 'two pools have an agent of this name: only the holder is given requests';
        this.#log.warn({ agent, pool, holder }, message);
      },
    });
    for (const pool of options.pools) this.#watch(pool);
  }

  /** Those that are watched. */
  get pools(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** What workers say that they can run; the same array as long as nothing is another. */
  get agents(): readonly AgentProfile[] {
    return this.#agents.profiles;
  }

  /** Whether the workers have been asked, and had the time to answer. */
  get settled(): boolean {
    return this.#askedAtMs !== undefined && performance.now() - this.#askedAtMs > SETTLE_MS;
  }

  /** Watches one more pool. Idempotent. @returns false: there are too many */
  addPool(pool: string): boolean {
    if (this.#watched.has(pool)) return true;
    if (this.#watched.size >= POOLS_MAX) return false;
    this.#watch(pool);
    this.#options.onPool?.(pool);
    // Its workers have not been listened to until now.
    if (this.#link.connected) this.#link.connection.publish(FLEET_ASK);
    this.#notify(this.pools);
    return true;
  }

  /** Messages that were dropped: not a worker's word, or one worker too many. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Begins to listen, and asks who is there; returns at once. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#removeListener = this.#link.listen({
      up: (connection) => this.#up(connection),
      down: () => {
        this.#table.down();
        this.#agents.down();
        this.#notify(this.pools);
      },
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#removeListener?.();
    this.#subscription?.unsubscribe();
    for (const { listeners } of this.#watched.values()) listeners.close();
  }

  /** @throws RangeError for a pool that is not watched, like all that name one. */
  state(pool: string): PoolState {
    const { capacity, queue } = this.#estimate(pool);
    const workers = [...this.#table.workers(pool)].toSorted(byName);
    return { pool, stale: this.#table.isStale(pool), ...capacity, workers, queue };
  }

  /** Undefined while the server has never said how the queue stands. */
  position(pool: string, place: Place): Position | undefined {
    const { queue } = this.#of(pool);
    void queue.refresh(ASK_PAUSE_MS);
    const { capacity, used } = this.#estimate(pool);
    const ahead = queue.view.ahead(place, used);
    return ahead === undefined ? undefined : { ahead, etaMs: waitMs(ahead, capacity) };
  }

  /** For a new request of this lane and priority. */
  predict(pool: string, lane: Lane, priority: Priority = 'normal'): Prediction {
    void this.#of(pool).queue.refresh(ASK_PAUSE_MS);
    const { capacity, queue } = this.#estimate(pool);
    const ahead = aheadOfNew({ priority, lane }, queue?.lanes ?? []);
    return {
      waitMs: waitMs(ahead, capacity),
      serviceMs: capacity.serviceMs,
      ratePerSecond: ratePerSecond(capacity),
    };
  }

  /** This gateway has put in a request of so many bytes; without a place it counts as normal. */
  submitted(pool: string, bytes: number, place?: Place): void {
    const { queue, listeners } = this.#of(pool);
    queue.view.submitted(bytes, place);
    listeners.notify();
  }

  /** A run of this gateway has ended. */
  ended(pool: string): void {
    const { queue, listeners } = this.#of(pool);
    queue.view.ended();
    listeners.notify();
  }

  /** Asks the server how the queue stands, unless it was asked just now. Never rejects. */
  async refresh(pool: string): Promise<void> {
    await this.#of(pool).queue.refresh(ASK_PAUSE_MS);
  }

  /**
   * Calls `listener` when something of the pool has changed. While anybody watches, the queue is
   * asked about twice a second. @returns the end of it
   */
  watch(pool: string, listener: () => void): () => void {
    const { queue, listeners } = this.#of(pool);
    void queue.refresh(ASK_PAUSE_MS);
    return listeners.add(listener);
  }

  #of(pool: string): Watched {
    const watched = this.#watched.get(pool);
    if (watched === undefined) throw new RangeError(`there is no pool ${pool}`);
    return watched;
  }

  #estimate(pool: string): Estimate {
    const capacity = capacityOf(this.#table.workers(pool));
    const used = capacity.busy + capacity.free;
    const queue = this.#of(pool).queue.view.state(used);
    // A slot that was filled a moment ago has not said so yet.
    const free = Math.min(capacity.free, Math.max(0, used - (queue?.running ?? 0)));
    return { capacity: { ...capacity, free }, used, queue };
  }

  #up(connection: NatsConnection): void {
    this.#table.up();
    this.#agents.up();
    if (this.#subscription === undefined || this.#subscription.isClosed()) {
      this.#subscription = connection.subscribe(fleetSubjects('*'), {
        callback: (_error, message) => this.#onWord(message),
      });
    }
    connection.publish(FLEET_ASK);
    this.#askedAtMs ??= performance.now();
    for (const { queue } of this.#watched.values()) void queue.refresh();
    this.#notify(this.pools);
  }

  #onWord(message: Msg): void {
    const heard = readWord(message);
    if (heard !== undefined && this.#hear(heard)) return;
    this.#dropped += 1;
    if (this.#dropped === 1) {
      const text = "not a worker's word, or too many workers, agents or pools";
      this.#log.warn({ subject: message.subject }, text);
    }
  }

  /** @returns false: there was no room for all of it. */
  #hear({ token, word }: { readonly token: string; readonly word: WorkerWord }): boolean {
    const { agents = [], pool } = word;
    if (!this.#watched.has(pool)) {
      // Workers of pools that are nothing to this gateway.
      if (agents.length === 0) return true;
      if (!this.addPool(pool)) return false;
    }
    const isRoom = this.#table.hear(token, word);
    this.#notify([pool]);
    return this.#agents.hear(word) && isRoom;
  }

  #watch(pool: string): void {
    const [link, log] = [this.#link, this.#log];
    const listeners = new Listeners(NOTIFY_PAUSE_MS);
    const busy = (): number => capacityOf(this.#table.workers(pool)).busy;
    const onRead = (): void => listeners.notify();
    const queue = new PoolQueue({ link, pool, busy, onRead, log });
    this.#watched.set(pool, { listeners, queue });
  }

  #tick(): void {
    this.#notify(this.#table.tick());
    this.#agents.tick();
    for (const { queue, listeners } of this.#watched.values()) {
      void queue.refresh(listeners.size > 0 ? WATCHED_MS : SLOW_MS);
    }
  }

  #notify(pools: Iterable<string>): void {
    for (const pool of pools) this.#watched.get(pool)?.listeners.notify();
  }
}

const byName = (a: WorkerState, b: WorkerState): number => (a.worker < b.worker ? -1 : 1);
