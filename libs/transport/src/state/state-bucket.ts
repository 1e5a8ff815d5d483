/** JSON values by key, with compare-and-set. */
import { storageFull } from './patience.ts';
import type { Bucket } from './bucket.ts';

export interface StateBucket {
  /** @throws SwitchboardError `queue_unavailable` */
  get(key: string): Promise<{ readonly value: unknown; readonly revision: number } | undefined>;
  /**
   * @returns the revision, or undefined when there is a value already.
   * @throws SwitchboardError `storage_full`, `queue_unavailable` (then it may be stored)
   */
  create(key: string, value: unknown): Promise<number | undefined>;
  /**
   * Replaces the value if its revision is still `revision`. @returns the new one, or undefined when
   * somebody else was faster.
   * @throws SwitchboardError `storage_full`, `queue_unavailable` (then it may be stored)
   */
  update(key: string, value: unknown, revision: number): Promise<number | undefined>;
  /** Leaves no byte of the value. Idempotent. @throws SwitchboardError `queue_unavailable` */
  delete(key: string): Promise<void>;
}

/**
 * New values are refused from this share of the bucket on: the rest is for what is already there,
 * so that a bucket full of questions still has room for their answers.
 */
const CREATE_SHARE = 7 / 8;
/** How old the known size of the bucket may be. */
const SIZE_AGE_MS = 500;

export class JsonBucket implements StateBucket {
  readonly #bucket: Bucket;
  readonly #createMaxBytes: number;
  #size = { bytes: 0, readAtMs: Number.NEGATIVE_INFINITY };

  constructor(bucket: Bucket, maxBytes: number) {
    this.#bucket = bucket;
    this.#createMaxBytes = maxBytes * CREATE_SHARE;
  }

  async get(key: string): Promise<{ value: unknown; revision: number } | undefined> {
    const entry = await this.#bucket.get(key);
    if (entry === undefined) return undefined;
    const value: unknown = JSON.parse(new TextDecoder().decode(entry.data));
    return { value, revision: entry.revision };
  }

  async create(key: string, value: unknown): Promise<number | undefined> {
    const data = encode(value);
    if (performance.now() - this.#size.readAtMs > SIZE_AGE_MS) {
      const readAtMs = performance.now();
      this.#size = { bytes: await this.#bucket.usedBytes(), readAtMs };
    }
    if (this.#size.bytes + data.length > this.#createMaxBytes) {
      // There may be one already, which is not the caller's fault.
      if ((await this.#bucket.get(key)) !== undefined) return undefined;
      throw storageFull();
    }
    const revision = await this.#bucket.write(key, data, 0);
    this.#size.bytes += data.length;
    return revision;
  }

  update(key: string, value: unknown, revision: number): Promise<number | undefined> {
    return this.#bucket.write(key, encode(value), revision);
  }

  delete(key: string): Promise<void> {
    return this.#bucket.delete(key);
  }
}

function encode(value: unknown): Uint8Array {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError('not a JSON value');
  return new TextEncoder().encode(json);
}
