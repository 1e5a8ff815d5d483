/**
 * `Idempotency-Key`: which run a key stands for, over all gateways.
 *
 * - K1 of any number of requests with one key, one is told to run; the others are told which run.
 * - K2 a key is kept for the run only when that was accepted: refused and cancelled runs free it.
 * - K3 a gateway that dies between claiming a key and queueing its run does not block the key:
 *   after {@link CLAIM_MAX_MS} the claim is stale, and who comes then ends that run and takes it.
 */
import { createHash } from 'node:crypto';
import { SwitchboardError } from '@switchboard/contract';
import type { Bucket } from './run-records.ts';

/** OpenAI's SDKs send UUIDs; the limit is Stripe's. */
const KEY_MAX_LENGTH = 255;
const CLAIM_MAX_MS = 10_000;

/** One caller's key and what it was sent with. */
export interface KeyedRequest {
  /** Key of the bucket: hash of caller and `Idempotency-Key`. */
  readonly key: string;
  /** Hash of route and body. */
  readonly request: string;
}

interface Entry {
  readonly v: 1;
  readonly run: string;
  readonly request: string;
  readonly claimedAtMs: number;
  /** Set once the queue has taken the run. */
  readonly queued?: true;
}

/** A key that this caller may run under. */
export interface Claim {
  readonly run: string;
  /** The queue took the run. */
  confirm(): Promise<void>;
  /** It did not: the key is free again. */
  release(): Promise<void>;
}

export type Claimed =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  | {
      readonly kind: 'known';
      readonly run: string;
      /**
       * - `queued`: the queue took it.
       * - `pending`: it is just being queued, or refused.
       * - `stale`: nobody knows whether it was ever queued, and nobody is about to.
       */
      readonly state: 'queued' | 'pending' | 'stale';
      /** Takes the key over for the new run; undefined when somebody else was faster. */
      readonly retake: () => Promise<Claim | undefined>;
    };

/**
 * The key of a request; undefined without one.
 * @throws SwitchboardError `invalid_request` for a key that is empty or too long
 */
export function keyedRequest(
  header: string | readonly string[] | undefined,
  of: { readonly owner: string; readonly route: string; readonly body: unknown },
): KeyedRequest | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || header === '' || header.length > KEY_MAX_LENGTH) {
    throw new SwitchboardError(
      'invalid_request',
      `The header \`Idempotency-Key\` must have 1 to ${KEY_MAX_LENGTH} characters.`,
      { param: 'idempotency-key' },
    );
  }
  return {
    key: `key-${digest(JSON.stringify([of.owner, header]))}`,
    request: digest(JSON.stringify([of.route, of.body])),
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

export class IdempotencyKeys {
  readonly #bucket: Bucket;
  readonly #now: () => number;

  constructor(bucket: Bucket, now: () => number = Date.now) {
    this.#bucket = bucket;
    this.#now = now;
  }

  /**
   * Claims the key for `run`, or says which run it stands for.
   * @throws SwitchboardError `idempotency_conflict`, `storage_full`, `queue_unavailable`
   */
  async claim({ key, request }: KeyedRequest, run: string): Promise<Claimed> {
    for (;;) {
      const entry: Entry = { v: 1, run, request, claimedAtMs: this.#now() };
      const revision = await this.#bucket.create(key, entry);
      if (revision !== undefined) {
        return { kind: 'claimed', claim: this.#holder(key, entry, revision) };
      }
      const found = await this.#bucket.get(key);
      if (found === undefined) continue; // Freed in this moment.
      const known = found.value as Entry;
      if (known.request !== request) throw conflict();
      return {
        kind: 'known',
        run: known.run,
        state: this.#stateOf(known),
        retake: async () => await this.#retake(key, entry, found.revision),
      };
    }
  }

  /**
   * The run that the key stands for. @throws SwitchboardError `idempotency_conflict`,
   * `queue_unavailable`
   */
  async find({ key, request }: KeyedRequest): Promise<string | undefined> {
    const known = (await this.#bucket.get(key))?.value as Entry | undefined;
    if (known !== undefined && known.request !== request) throw conflict();
    return known?.run;
  }

  #stateOf({ claimedAtMs, queued }: Entry): 'queued' | 'pending' | 'stale' {
    if (queued === true) return 'queued';
    return this.#now() - claimedAtMs > CLAIM_MAX_MS ? 'stale' : 'pending';
  }

  /** @returns undefined when somebody else was faster. */
  async #retake(key: string, entry: Entry, revision: number): Promise<Claim | undefined> {
    const taken = await this.#bucket.update(key, entry, revision);
    return taken === undefined ? undefined : this.#holder(key, entry, taken);
  }

  #holder(key: string, entry: Entry, revision: number): Claim {
    return {
      run: entry.run,
      confirm: async () => {
        await this.#bucket.update(key, { ...entry, queued: true }, revision);
      },
      release: async () => {
        // After so long that it was stale, somebody else may hold it.
        const known = (await this.#bucket.get(key))?.value as Entry | undefined;
        if (known?.run === entry.run) await this.#bucket.delete(key);
      },
    };
  }
}

function conflict(): SwitchboardError {
  return new SwitchboardError(
    'idempotency_conflict',
    'This `Idempotency-Key` was used before for another request.',
    { param: 'idempotency-key' },
  );
}
