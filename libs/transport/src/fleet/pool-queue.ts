/** One pool's queue as this gateway sees it, and when the server is asked about it again. */
import { toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { readQueue } from './queue-reader.ts';
import { QueueView } from './queue-view.ts';

export interface PoolQueueOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Slots of the pool that hold a run. */
  readonly busy: () => number;
  /** Called when the server has answered. */
  readonly onRead: () => void;
  readonly log: TransportLog;
}

export class PoolQueue {
  readonly view = new QueueView();
  readonly #options: PoolQueueOptions;
  #asking: Promise<void> | undefined;
  #askedAtMs = -Infinity;
  #reported = '';

  constructor(options: PoolQueueOptions) {
    this.#options = options;
  }

  /** Asks the server, unless it was asked less than `ageMs` ago. Never rejects. */
  refresh(ageMs = 0): Promise<void> {
    if (this.#asking !== undefined) return this.#asking;
    const isYoung = performance.now() - this.#askedAtMs < ageMs;
    if (isYoung || !this.#options.link.connected) return Promise.resolve();
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const { link, pool, busy, onRead, log } = this.#options;
    this.#askedAtMs = performance.now();
    this.view.asked();
    try {
      this.view.read(await readQueue(link, pool, busy()));
      this.#reported = '';
      onRead();
    } catch (error) {
      // What was known stays, with its age. An election, or the streams are being made.
      const reason = toError(error).message;
      if (reason !== this.#reported) log.debug({ pool, reason }, 'the queue was not counted');
      this.#reported = reason;
    }
  }
}
