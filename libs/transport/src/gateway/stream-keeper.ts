/** Keeps the streams made, for as long as NATS may be away: once after every (re)connect. */
import { toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { ensurePoolStream, ensureStreams, type StreamBounds } from '../link/topology.ts';

const RETRY_MS = 250;
/** A pool that may never be permitted is not asked for four times a second, for ever. */
const RETRY_MAX_MS = 10_000;

export interface StreamKeeperOptions extends StreamBounds {
  readonly pools: readonly string[];
  readonly log: TransportLog;
}

/**
 * Pools that are added later are made each by itself: one that cannot be made holds up only the
 * requests for it.
 */
export class StreamKeeper {
  readonly #link: NatsLink;
  readonly #options: StreamKeeperOptions;
  readonly #added = new Set<string>();
  /** When each pool's stream was made. */
  readonly #incarnations = new Map<string, string>();
  readonly #closing = new AbortController();
  #removeListener: (() => void) | undefined;
  #made = false;

  constructor(link: NatsLink, options: StreamKeeperOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Connected, and looked at since, all but the added ones. */
  get made(): boolean {
    return this.#link.connected && this.#made;
  }

  /** When a pool's stream was made; undefined while that is not known since a reconnect. */
  incarnation(pool: string): string | undefined {
    return this.#made ? this.#incarnations.get(pool) : undefined;
  }

  start(): void {
    this.#removeListener = this.#link.listen({
      up: () => {
        void this.#ensure(this.#link.epoch);
        for (const pool of this.#added) void this.#ensureAdded(pool, this.#link.epoch);
      },
      down: () => {
        this.#made = false;
        for (const pool of this.#added) this.#incarnations.delete(pool);
      },
    });
  }

  /** Returns at once. Idempotent. */
  addPool(pool: string): void {
    if (this.#added.has(pool) || this.#options.pools.includes(pool)) return;
    this.#added.add(pool);
    if (this.#link.connected) void this.#ensureAdded(pool, this.#link.epoch);
  }

  close(): void {
    this.#closing.abort();
    this.#removeListener?.();
  }

  #ensure(epoch: number): Promise<void> {
    return this.#tryOn(epoch, {}, RETRY_MS, async () => {
      const { pools } = this.#options;
      const made = await ensureStreams(this.#link.connection, pools, this.#options);
      for (const [pool, created] of made) this.#incarnations.set(pool, created);
      if (this.#link.epoch === epoch) this.#made = true;
    });
  }

  #ensureAdded(pool: string, epoch: number): Promise<void> {
    return this.#tryOn(epoch, { pool }, RETRY_MAX_MS, async () => {
      const created = await ensurePoolStream(this.#link.connection, pool, this.#options);
      if (this.#link.epoch === epoch) this.#incarnations.set(pool, created);
    });
  }

  /** One loop per connection epoch: what an earlier one still waits for is not waited for here. */
  async #tryOn(
    epoch: number,
    fields: object,
    retryMaxMs: number,
    make: () => Promise<void>,
  ): Promise<void> {
    let reported = '';
    let delayMs = RETRY_MS;
    while (!this.#closing.signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        return await make();
      } catch (error) {
        const reason = toError(error).message;
        if (reason !== reported) {
          this.#options.log.warn({ ...fields, reason }, 'streams not made; trying on');
        }
        reported = reason;
        await abortableSleep(delayMs, this.#closing.signal);
        delayMs = Math.min(2 * delayMs, retryMaxMs);
      }
    }
  }
}
