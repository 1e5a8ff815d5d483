/** A run's request on the queue, as the gateway sees it that put it there. */
import { requestsStream, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { api, StoreError } from '../link/store.ts';
import type { Queued } from './request-publisher.ts';

export interface QueuedRequestOptions {
  readonly pool: string;
  /** Which making of the pool's stream this is: a stream made anew counts its messages from 1. */
  readonly incarnation: () => string | undefined;
  /** Aborts when nobody cares for it here any more. */
  readonly closing: AbortSignal;
  /** What stands in every log line about it. */
  readonly names: object;
  readonly log: TransportLog;
}

/** How long a withdrawal waits, after a reconnect, until the streams have been looked at. */
const KNOWN_TRIES = 20;
const KNOWN_RETRY_MS = 250;

export class QueuedRequest {
  readonly #link: NatsLink;
  readonly #queued: Queued;
  readonly #options: QueuedRequestOptions;
  readonly #incarnation: string | undefined;

  constructor(link: NatsLink, queued: Queued, options: QueuedRequestOptions) {
    this.#link = link;
    this.#queued = queued;
    this.#options = options;
    this.#incarnation = options.incarnation();
  }

  /** Frees its rank in this gateway's own view. */
  release(): void {
    this.#queued.release();
  }

  /** Takes it off the queue, if it is there. Never rejects. */
  async withdraw(): Promise<void> {
    for (let tries = 0; this.#isSameStream() === undefined && tries < KNOWN_TRIES; tries++) {
      await abortableSleep(KNOWN_RETRY_MS, this.#options.closing);
    }
    if (this.#isSameStream() !== true) return;
    try {
      const stream = requestsStream(this.#options.pool);
      const body = { seq: this.#queued.seq, no_erase: true };
      await api(this.#link, `STREAM.MSG.DELETE.${stream}`, body);
    } catch (error) {
      if (error instanceof StoreError && error.failure === 'not_found') return;
      // It stays on the queue until a worker takes it, meets the end, and drops it.
      const { log, names } = this.#options;
      log.debug({ ...names, reason: toError(error).message }, 'not deleted');
    }
  }

  /**
   * Whether it waits there or is being run, as far as can be said. Asks for the subject's count
   * alone: the message itself may be large. @throws StoreError
   */
  async isThere(): Promise<boolean> {
    const same = this.#isSameStream();
    if (same !== true) return same === undefined;
    const { subject } = this.#queued;
    const call = `STREAM.INFO.${requestsStream(this.#options.pool)}`;
    const info = (await api(this.#link, call, { subjects_filter: subject })) as {
      state?: { subjects?: Record<string, number> };
    };
    return info.state?.subjects?.[subject] !== undefined;
  }

  /**
   * Whether the stream is the one that took the request: in another the sequence would name
   * somebody else's. Undefined while the streams have not been looked at since a reconnect.
   */
  #isSameStream(): boolean | undefined {
    const now = this.#options.incarnation();
    if (now === undefined || this.#incarnation === undefined) return undefined;
    return now === this.#incarnation;
  }
}
