/**
 * Bytes by key in a JetStream stream with the layout of a NATS key-value bucket.
 *
 * A value that no message can carry lies in parts under its key: `<key>.<version>.<part>`, and the
 * message on `<key>` names the version. So one purge of `<key>.>` finds all of it, also what a
 * writer left behind that died before its value counted. (An object store names the parts by a
 * random id that only its last message knows: what a dead writer left could not be deleted.)
 *
 * - B1 a value is read whole or not at all: its parts are stored before it counts.
 * - B2 a write that reports a revision, or that somebody was faster, is right about it also when an
 *   acknowledgement was lost: each write has a name, which is read back.
 * - B3 after `delete` no byte of any value of the key is left in the stream, and after a write none
 *   of the value before it.
 */
import { randomBytes } from 'node:crypto';
import { ENVELOPE_BYTES, isToken, SwitchboardError, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError } from '../link/store.ts';
import { bucketStream, bucketSubject } from './bucket-stream.ts';
import { ANSWER_TIMEOUT_MS, patiently, stateUnavailable } from './patience.ts';
import { parseStored, type StoredValue } from './stored-value.ts';

/** Larger messages hold up everything else on their connection. */
const PART_BYTES_MAX = 1024 * 1024;
/** Parts of one value: the bound on its size is 256 MiB. */
const PARTS_MAX = 256;
/** How often a value that is being replaced while it is read is read anew. */
const READS_MAX = 100;

export interface BucketOptions {
  /** Resolves when the stream has been made. @throws SwitchboardError */
  readonly whenReady?: () => Promise<void>;
  /** Called when nobody answers for the stream: it may have vanished. */
  readonly onTrouble?: () => void;
  readonly log: TransportLog;
}

export interface Entry {
  readonly data: Uint8Array;
  readonly revision: number;
}

export class Bucket {
  readonly name: string;
  readonly #link: NatsLink;
  readonly #options: BucketOptions;

  constructor(link: NatsLink, name: string, options: BucketOptions) {
    this.#link = link;
    this.name = name;
    this.#options = options;
  }

  /** @throws SwitchboardError `queue_unavailable` */
  async get(key: string): Promise<Entry | undefined> {
    await this.#check(key);
    let incomplete = 0;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const stored = await this.#patiently(() => this.#read(key));
      if (stored === undefined || stored.deleted) return undefined;
      const { revision, parts } = stored;
      if (parts === undefined) return { data: stored.data, revision };
      const data = await this.#readParts(key, parts);
      if (data !== undefined) return { data, revision };
      // Replaced or deleted in this moment; or its parts have expired, and it will in a moment.
      if (revision === incomplete) return undefined;
      incomplete = revision;
    }
    throw stateUnavailable();
  }

  /**
   * Stores `data` if the key's revision is `expected` (0: there is none). @returns the new
   * revision, or undefined when it is another.
   * @throws SwitchboardError `storage_full`, `queue_unavailable` (then it may be stored)
   */
  async write(key: string, data: Uint8Array, expected: number): Promise<number | undefined> {
    await this.#check(key);
    const version = randomBytes(9).toString('base64url');
    const partBytes = this.#partBytes();
    const count = data.length <= partBytes ? 0 : Math.ceil(data.length / partBytes);
    if (count > PARTS_MAX) throw new SwitchboardError('body_too_large', 'Too large to be stored.');
    if (count > 0) await this.#putParts(key, version, data, partBytes);
    const headers: Record<string, string> = { 'Switchboard-Write': version };
    if (count > 0) headers['Switchboard-Parts'] = `${count} ${data.length}`;
    const message = count > 0 ? '' : data;
    const revision = await this.#compareAndSet(key, version, { message, headers, expected });
    if (revision === undefined) {
      if (count > 0) await this.#tidy(`${key}.${version}.*`);
    } else if (expected > 0) {
      // All that lies below the value that was replaced, its parts and those of dead writers. A
      // living writer's below it cannot count any more.
      await this.#tidy(`${key}.>`, expected);
    }
    return revision;
  }

  /** B3. Idempotent. @throws SwitchboardError `queue_unavailable`: then some may be left */
  async delete(key: string): Promise<void> {
    await this.#check(key);
    await this.#patiently(() => this.#purge(key));
    await this.#patiently(() => this.#purge(`${key}.>`));
  }

  /** Bytes the stream holds now. @throws SwitchboardError `queue_unavailable` */
  async usedBytes(): Promise<number> {
    await this.#prepare();
    const info: { state?: { bytes?: number } } =
      (await this.#patiently(() => this.#api('STREAM.INFO', {}))) ?? {};
    return info.state?.bytes ?? 0;
  }

  #check(key: string): Promise<void> {
    if (!isToken(key)) throw new TypeError('a key is 1 to 64 letters, digits, _ and -');
    return this.#prepare();
  }

  async #prepare(): Promise<void> {
    if (!this.#link.connected) throw stateUnavailable();
    await this.#options.whenReady?.();
  }

  /** B2. A try whose answer was lost is looked for before the next one is made. */
  async #compareAndSet(
    key: string,
    version: string,
    write: { message: Uint8Array | string; headers: Record<string, string>; expected: number },
  ): Promise<number | undefined> {
    const subject = bucketSubject(this.name, key);
    let { expected } = write;
    let inDoubt = false;
    return this.#patiently(async () => {
      if (inDoubt) {
        const stored = await this.#read(key);
        if (stored?.version === version) return stored.revision;
        if ((stored?.revision ?? 0) !== expected) return undefined;
      }
      try {
        const { headers, message } = write;
        const options = { expectedLast: expected, headers, timeoutMs: ANSWER_TIMEOUT_MS };
        return (await store(this.#link, subject, message, options)).seq;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.failure === 'unknown') inDoubt = true;
        if (error.failure !== 'conflict') throw error;
      }
      // Refused: somebody's, or the one in doubt which has come through after all.
      const stored = await this.#read(key);
      if (stored?.version === version) return stored.revision;
      if (write.expected > 0 || stored?.deleted !== true) return undefined;
      expected = stored.revision; // A marker of the nats tool: there is no value.
      throw new StoreError('unknown', 'a deletion marker stands in the way');
    });
  }

  async #putParts(key: string, version: string, data: Uint8Array, size: number): Promise<void> {
    try {
      for (let from = 0; from < data.length; from += size) {
        const subject = bucketSubject(this.name, `${key}.${version}.${from / size}`);
        const part = data.subarray(from, from + size);
        // Stored twice it is the same: a subject holds one message.
        await this.#patiently(() =>
          store(this.#link, subject, part, { timeoutMs: ANSWER_TIMEOUT_MS }),
        );
      }
    } catch (error) {
      await this.#tidy(`${key}.${version}.*`);
      throw error;
    }
  }

  async #readParts(
    key: string,
    parts: { version: string; count: number; bytes: number },
  ): Promise<Uint8Array | undefined> {
    const data = new Uint8Array(parts.bytes);
    let at = 0;
    for (let part = 0; part < parts.count; part++) {
      const stored = await this.#patiently(() => this.#read(`${key}.${parts.version}.${part}`));
      if (stored === undefined || at + stored.data.length > data.length) return undefined;
      data.set(stored.data, at);
      at += stored.data.length;
    }
    return at === data.length ? data : undefined;
  }

  /** From the stream's leader: a replica may be behind. @throws StoreError */
  async #read(key: string): Promise<StoredValue | undefined> {
    const body = { last_by_subj: bucketSubject(this.name, key) };
    const answer = await this.#api('STREAM.MSG.GET', body);
    return answer === undefined ? undefined : parseStored(answer);
  }

  /** Removes what lies under `filter`, only below the sequence `below` if given. */
  async #purge(filter: string, below?: number): Promise<void> {
    const body = { filter: bucketSubject(this.name, filter), ...(below && { seq: below }) };
    await this.#api('STREAM.PURGE', body);
  }

  /** @returns undefined when there is no such message. @throws StoreError */
  async #api(call: string, body: object): Promise<object | undefined> {
    const whole = `${call}.${bucketStream(this.name)}`;
    try {
      return await api(this.#link, whole, body, ANSWER_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure !== 'not_found') throw error;
      // A stream that vanished is being made again.
      if (error.message.includes('stream')) throw new StoreError('away', error.message, error);
      return undefined;
    }
  }

  /** Removes what does not count any more. Never throws: the next write or deletion does it. */
  async #tidy(filter: string, below?: number): Promise<void> {
    try {
      await this.#patiently(() => this.#purge(filter, below));
    } catch (error) {
      const fields = { bucket: this.name, reason: toError(error).message };
      this.#options.log.warn(fields, 'parts of a replaced value are left until later');
    }
  }

  #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    return patiently(attempt, this.#options.onTrouble);
  }

  #partBytes(): number {
    return Math.min(this.#link.maxPayload - ENVELOPE_BYTES, PART_BYTES_MAX);
  }
}
