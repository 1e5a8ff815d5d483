/** Keeps the streams made, for as long as NATS may be away: once after every (re)connect. */
import { toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { ensureStreams, type StreamBounds } from '../link/topology.ts';

const RETRY_MS = 250;

export interface StreamKeeperOptions extends StreamBounds {
  readonly pools: readonly string[];
  readonly log: TransportLog;
}

export class StreamKeeper {
  readonly #link: NatsLink;
  readonly #options: StreamKeeperOptions;
  /** When each pool's stream was made. */
  readonly #incarnations = new Map<string, string>();
  readonly #closing = new AbortController();
  #removeListener: (() => void) | undefined;
  #made = false;

  constructor(link: NatsLink, options: StreamKeeperOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Connected, and looked at since. */
  get made(): boolean {
    return this.#link.connected && this.#made;
  }

  /** When a pool's stream was made; undefined while that is not known since a reconnect. */
  incarnation(pool: string): string | undefined {
    return this.#made ? this.#incarnations.get(pool) : undefined;
  }

  start(): void {
    this.#removeListener = this.#link.listen({
      up: () => void this.#ensure(this.#link.epoch),
      down: () => {
        this.#made = false;
      },
    });
  }

  close(): void {
    this.#closing.abort();
    this.#removeListener?.();
  }

  /** One loop per connection epoch: what an earlier one still waits for is not waited for here. */
  async #ensure(epoch: number): Promise<void> {
    let reported = '';
    while (!this.#closing.signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        const { pools } = this.#options;
        const made = await ensureStreams(this.#link.connection, pools, this.#options);
        for (const [pool, created] of made) this.#incarnations.set(pool, created);
        if (this.#link.epoch === epoch) this.#made = true;
        return;
      } catch (error) {
        const reason = toError(error).message;
        if (reason !== reported) this.#options.log.warn({ reason }, 'streams not made; trying on');
        reported = reason;
        await abortableSleep(RETRY_MS, this.#closing.signal);
      }
    }
  }
}
