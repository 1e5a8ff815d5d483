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
import { StoreError } from '../link/store.ts';
import { BucketMessages } from './bucket-messages.ts';
import { stateUnavailable } from './patience.ts';
import { cut, putParts, readParts } from './value-parts.ts';

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
  readonly #messages: BucketMessages;

  constructor(link: NatsLink, name: string, options: BucketOptions) {
    this.#link = link;
    this.name = name;
    this.#options = options;
    this.#messages = new BucketMessages(link, name, options.onTrouble);
  }

  /** @throws SwitchboardError `queue_unavailable` */
  async get(key: string): Promise<Entry | undefined> {
    await this.#check(key);
    let incomplete = 0;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const stored = await this.#messages.read(key);
      if (stored === undefined || stored.deleted) return undefined;
      const { revision, parts } = stored;
      if (parts === undefined) return { data: stored.data, revision };
      const data = await readParts(this.#messages, key, parts);
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
    if (count > 0) await this.#putParts(key, version, cut(data, partBytes));
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
    await this.#messages.purge(key);
    await this.#messages.purge(`${key}.>`);
  }

  /** Bytes the stream holds now. @throws SwitchboardError `queue_unavailable` */
  async usedBytes(): Promise<number> {
    await this.#prepare();
    return this.#messages.usedBytes();
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
    const messages = this.#messages;
    let { expected } = write;
    let inDoubt = false;
    return messages.patiently(async () => {
      if (inDoubt) {
        const stored = await messages.readOnce(key);
        if (stored?.version === version) return stored.revision;
        if ((stored?.revision ?? 0) !== expected) return undefined;
      }
      try {
        const { headers, message } = write;
        return await messages.storeOnce(key, message, { expectedLast: expected, headers });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.failure === 'unknown') inDoubt = true;
        if (error.failure !== 'conflict') throw error;
      }
      // Refused: somebody's, or the one in doubt which has come through after all.
      const stored = await messages.readOnce(key);
      if (stored?.version === version) return stored.revision;
      if (write.expected > 0 || stored?.deleted !== true) return undefined;
      expected = stored.revision; // A marker of the nats tool: there is no value.
      throw new StoreError('unknown', 'a deletion marker stands in the way');
    });
  }

  async #putParts(key: string, version: string, parts: Iterable<Uint8Array>): Promise<void> {
    try {
      await putParts(this.#messages, key, version, parts);
    } catch (error) {
      await this.#tidy(`${key}.${version}.*`);
      throw error;
    }
  }

  /** Removes what does not count any more. Never throws: the next write or deletion does it. */
  async #tidy(filter: string, below?: number): Promise<void> {
    try {
      await this.#messages.purge(filter, below);
    } catch (error) {
      const fields = { bucket: this.name, reason: toError(error).message };
      this.#options.log.warn(fields, 'parts of a replaced value are left until later');
    }
  }

  #partBytes(): number {
    return Math.min(this.#link.maxPayload - ENVELOPE_BYTES, PART_BYTES_MAX);
  }
}
