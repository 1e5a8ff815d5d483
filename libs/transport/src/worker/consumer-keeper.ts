/** Keeps a pool's consumers made: once after every (re)connect, and when a pull was refused. */
import { toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { ensureConsumers } from '../link/topology.ts';

const RETRY_MS = 250;
/** NATS says that a consumer is there also while its leader is being elected, and refuses pulls. */
const REMAKE_MS = 1_000;

export interface ConsumerKeeperOptions {
  readonly pool: string;
  /** Called with true when they are there, and with false while they never were. */
  readonly onMade: (made: boolean) => void;
  readonly log: TransportLog;
}

export class ConsumerKeeper {
  readonly #link: NatsLink;
  readonly #options: ConsumerKeeperOptions;
  readonly #closing = new AbortController();
  #madeOnce = false;
  /** The connection that they are being made on. */
  #makingOn: number | undefined;
  #madeAtMs = -Infinity;

  constructor(link: NatsLink, options: ConsumerKeeperOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** A pull was refused: they may be gone, or a lane's leader is being elected. */
  refused(reason: string): void {
    if (this.#makingOn === this.#link.epoch) return;
    if (performance.now() - this.#madeAtMs < REMAKE_MS) return;
    this.#options.log.warn({ reason }, 'the queue refused a pull; setting its consumers up again');
    void this.make();
  }

  /**
   * For as long as it takes, on this connection: the gateway makes the streams. Never rejects. What
   * was there once is taken to be there meanwhile: one lane without a leader holds up no other.
   */
  async make(): Promise<void> {
    const { epoch } = this.#link;
    if (this.#makingOn === epoch) return;
    this.#makingOn = epoch;
    this.#options.onMade(this.#madeOnce);
    await this.#makeOn(epoch);
    if (this.#makingOn === epoch) this.#makingOn = undefined;
  }

  async #makeOn(epoch: number): Promise<void> {
    const { pool, onMade, log } = this.#options;
    const { signal } = this.#closing;
    let reported = '';
    while (!signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        await ensureConsumers(this.#link.connection, pool);
        this.#madeOnce = true;
        this.#madeAtMs = performance.now();
        if (this.#link.epoch === epoch) onMade(true);
        return;
      } catch (error) {
        const reason = toError(error).message;
        if (reason !== reported) log.info({ reason, pool }, 'waiting for the request queue');
        reported = reason;
        await abortableSleep(RETRY_MS, signal);
      }
    }
  }

  close(): void {
    this.#closing.abort();
  }
}
