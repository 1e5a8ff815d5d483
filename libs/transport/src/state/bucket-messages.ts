/** The messages behind a bucket: read, stored and purged by key, patiently. */
import { bucketStream, bucketSubject } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError, type StoreOptions } from '../link/store.ts';
import { ANSWER_TIMEOUT_MS, patiently } from './patience.ts';
import { parseStored, type StoredValue } from './stored-value.ts';

export class BucketMessages {
  readonly #link: NatsLink;
  readonly #bucket: string;
  readonly #onTrouble: (() => void) | undefined;

  /** `onTrouble` is called when nobody answers for the stream: it may have vanished. */
  constructor(link: NatsLink, bucket: string, onTrouble?: () => void) {
    this.#link = link;
    this.#bucket = bucket;
    this.#onTrouble = onTrouble;
  }

  /**
   * Tries `attempt` again while that may help; it must be safe to repeat.
   * @throws SwitchboardError `storage_full`, `queue_unavailable`
   */
  patiently<T>(attempt: () => Promise<T>): Promise<T> {
    return patiently(attempt, this.#onTrouble);
  }

  /** The newest message of a key, from the stream's leader: a replica may be behind. */
  read(key: string): Promise<StoredValue | undefined> {
    return this.patiently(() => this.readOnce(key));
  }

  /** One try. @throws StoreError */
  async readOnce(key: string): Promise<StoredValue | undefined> {
    const body = { last_by_subj: bucketSubject(this.#bucket, key) };
    const answer = await this.#api('STREAM.MSG.GET', body);
    return answer === undefined ? undefined : parseStored(answer);
  }

  /** One try. @returns the revision. @throws StoreError */
  async storeOnce(
    key: string,
    data: Uint8Array | string,
    options: StoreOptions = {},
  ): Promise<number> {
    const subject = bucketSubject(this.#bucket, key);
    const { seq } = await store(this.#link, subject, data, {
      ...options,
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    return seq;
  }

  /** Removes what lies under `filter`, only below the sequence `below` if given. */
  async purge(filter: string, below?: number): Promise<void> {
    const body = { filter: bucketSubject(this.#bucket, filter), ...(below && { seq: below }) };
    await this.patiently(() => this.#api('STREAM.PURGE', body));
  }

  /** Bytes the stream holds now. */
  async usedBytes(): Promise<number> {
    const info: { state?: { bytes?: number } } =
      (await this.patiently(() => this.#api('STREAM.INFO', {}))) ?? {};
    return info.state?.bytes ?? 0;
  }

  /** @returns undefined when there is no such message. @throws StoreError */
  async #api(call: string, body: object): Promise<object | undefined> {
    const whole = `${call}.${bucketStream(this.#bucket)}`;
    try {
      return await api(this.#link, whole, body, ANSWER_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure !== 'not_found') throw error;
      // A stream that vanished is being made again.
      if (error.message.includes('stream')) throw new StoreError('away', error.message, error);
      return undefined;
    }
  }
}
