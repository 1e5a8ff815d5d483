/**
 * What one gateway knows of the fleet: the workers and agents as workers say, the queues as the
 * server says, and what follows for a request that waits or would have to.
 *
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
import { AgentTable } from './agent-table.ts';
import type { Position, Prediction } from './forecast.ts';
import type { Place } from './lane-states.ts';
import { readWord } from './read-word.ts';
import { type PoolState, TICK_MS, WatchedPool } from './watched-pool.ts';
import { WorkerTable } from './worker-table.ts';

export type { PoolState } from './watched-pool.ts';

export interface FleetOptions {
  /** Those that are watched from the start. */
  readonly pools: readonly string[];
  /** Another pool is watched from now on. */
  readonly onPool?: ((pool: string) => void) | undefined;
  readonly log: TransportLog;
}

/** How long after its first connect a gateway takes to know who answered it. */
const SETTLE_MS = 300;
/** A pool that is watched once is watched for the life of the process. */
const POOLS_MAX = 256;

export class Fleet {
  readonly #link: NatsLink;
  readonly #options: FleetOptions;
  readonly #table = new WorkerTable();
  readonly #agents: AgentTable;
  readonly #pools = new Map<string, WatchedPool>();
  #subscription: Subscription | undefined;
  #askedAtMs: number | undefined;
  #removeListener: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;

  constructor(link: NatsLink, options: FleetOptions) {
    this.#link = link;
    this.#options = options;
    this.#agents = new AgentTable({
      onTaken: (agent, pool, holder) => {
        const message = 'two pools have an agent of this name: only the holder is given requests';
        options.log.warn({ agent, pool, holder }, message);
      },
    });
    for (const pool of options.pools) this.#watch(pool);
  }

  /** Those that are watched. */
  get pools(): readonly string[] {
    return [...this.#pools.keys()];
  }

  /** What workers say that they can run; the same array as long as nothing is another. */
  get agents(): readonly AgentProfile[] {
    return this.#agents.profiles;
  }

  /** Whether the workers have been asked, and had the time to answer. */
  get settled(): boolean {
    return this.#askedAtMs !== undefined && performance.now() - this.#askedAtMs > SETTLE_MS;
  }

  /** Messages that were dropped: not a worker's word, or more than there is room for. */
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
    for (const pool of this.#pools.values()) pool.close();
  }

  /** Watches one more pool. Idempotent. @returns false: there are too many */
  addPool(pool: string): boolean {
    if (this.#pools.has(pool)) return true;
    if (this.#pools.size >= POOLS_MAX) return false;
    this.#watch(pool);
    this.#options.onPool?.(pool);
    // Its workers were not listened to until now.
    if (this.#link.connected) this.#link.connection.publish(FLEET_ASK);
    this.#notify(this.pools);
    return true;
  }

  /** @throws RangeError for a pool that is not watched, like all that name one. */
  state(pool: string): PoolState {
    return this.#of(pool).state();
  }

  /** Undefined while the server has never said how the queue stands. */
  position(pool: string, place: Place): Position | undefined {
    return this.#of(pool).position(place);
  }

  /** For a new request of this lane and priority. */
  predict(pool: string, lane: Lane, priority: Priority = 'normal'): Prediction {
    return this.#of(pool).predict(lane, priority);
  }

  /** This gateway has put in a request of so many bytes; without a place it counts as normal. */
  submitted(pool: string, bytes: number, place?: Place): void {
    this.#of(pool).submitted(bytes, place);
  }

  /** A run of this gateway has ended. */
  ended(pool: string): void {
    this.#of(pool).ended();
  }

  /** Asks the server how the queue stands, unless it was asked just now. Never rejects. */
  async refresh(pool: string): Promise<void> {
    await this.#of(pool).refresh();
  }

  /**
   * Calls `listener` when something of the pool has changed. While anybody watches, the queue is
   * asked about twice a second. @returns the end of it
   */
  watch(pool: string, listener: () => void): () => void {
    return this.#of(pool).watch(listener);
  }

  #of(pool: string): WatchedPool {
    const watched = this.#pools.get(pool);
    if (watched === undefined) throw new RangeError(`there is no pool ${pool}`);
    return watched;
  }

  #watch(pool: string): void {
    const { log } = this.#options;
    const watched = new WatchedPool({ link: this.#link, pool, table: this.#table, log });
    this.#pools.set(pool, watched);
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
    for (const pool of this.#pools.values()) pool.up();
  }

  #onWord(message: Msg): void {
    const heard = readWord(message);
    if (heard !== undefined && this.#hear(heard)) return;
    this.#dropped += 1;
    if (this.#dropped > 1) return;
    const text = "not a worker's word, or too many workers, agents or pools";
    this.#options.log.warn({ subject: message.subject }, text);
  }

  /** @returns false: there was no room for all of it. */
  #hear({ token, word }: { readonly token: string; readonly word: WorkerWord }): boolean {
    const { agents = [], pool } = word;
    if (!this.#pools.has(pool)) {
      // Workers of pools that are nothing to this gateway.
      if (agents.length === 0) return true;
      if (!this.addPool(pool)) return false;
    }
    const isRoom = this.#table.hear(token, word);
    this.#notify([pool]);
    return this.#agents.hear(word) && isRoom;
  }

  #tick(): void {
    this.#notify(this.#table.tick());
    this.#agents.tick();
    for (const pool of this.#pools.values()) pool.tick();
  }

  #notify(pools: Iterable<string>): void {
    for (const pool of pools) this.#pools.get(pool)?.notify();
  }
}
