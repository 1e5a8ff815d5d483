/**
 * What is kept of a run besides its events: whose it is, what was asked, and after its end its
 * events too, so that it can be read again when the event log has forgotten it.
 *
 * A stored response stays in the bucket `responses` until its time is over. What is kept only to be
 * repeated or resumed (a chat with an `Idempotency-Key`, a response that is not stored) stays in
 * the bucket `idempotency`, which forgets sooner.
 */
import type { RunEvent } from '@switchboard/contract';

/** One bucket of the transport's StateStore. */
export interface Bucket {
  get(key: string): Promise<{ value: unknown; revision: number } | undefined>;
  /** @returns undefined when there is one already. */
  create(key: string, value: unknown): Promise<number | undefined>;
  /** @returns undefined when somebody else was faster. */
  update(key: string, value: unknown, revision: number): Promise<number | undefined>;
  /** Leaves no byte of the value behind. */
  delete(key: string): Promise<void>;
}

export interface RunRecord {
  readonly v: 1;
  readonly run: string;
  readonly kind: 'chat' | 'response';
  /** Hash of the key that made it. */
  readonly owner: string;
  readonly createdAtMs: number;
  /** Kept for later turns and for whoever asks: `store` of a response. */
  readonly stored: boolean;
  /** Kept to be repeated: it was made with an `Idempotency-Key` and may be kept for it. */
  readonly keyed: boolean;
  /** What the route needs to give the answer again. */
  readonly request: unknown;
  /** All of them, once the run has ended. */
  readonly events?: readonly RunEvent[];
}

const keyOf = (run: string): string => `run-${run}`;

export class RunRecords {
  readonly #stored: Bucket;
  readonly #passing: Bucket;

  constructor(buckets: { readonly responses: Bucket; readonly idempotency: Bucket }) {
    this.#stored = buckets.responses;
    this.#passing = buckets.idempotency;
  }

  /** @throws SwitchboardError `storage_full`, `queue_unavailable` */
  async create(record: RunRecord): Promise<void> {
    await this.#bucket(record).create(keyOf(record.run), record);
  }

  /** @throws SwitchboardError `queue_unavailable` */
  async get(run: string): Promise<RunRecord | undefined> {
    return (await this.#find(run))?.record;
  }

  /** Adds the events of the ended run. @returns the record, unless there is none (any more). */
  async finish(run: string, events: readonly RunEvent[]): Promise<RunRecord | undefined> {
    for (;;) {
      const found = await this.#find(run);
      if (found === undefined || found.record.events !== undefined) return found?.record;
      const record = { ...found.record, events };
      const bucket = this.#bucket(record);
      const revision = await bucket.update(keyOf(run), record, found.revision);
      if (revision !== undefined) return record;
    }
  }

  async delete(run: string): Promise<void> {
    await Promise.all([this.#stored.delete(keyOf(run)), this.#passing.delete(keyOf(run))]);
  }

  #bucket({ stored }: Pick<RunRecord, 'stored'>): Bucket {
    return stored ? this.#stored : this.#passing;
  }

  async #find(run: string): Promise<{ record: RunRecord; revision: number } | undefined> {
    const key = keyOf(run);
    const [stored, passing] = await Promise.all([this.#stored.get(key), this.#passing.get(key)]);
    const found = stored ?? passing;
    if (found === undefined) return undefined;
    // Only gateways write here.
    return { record: found.value as RunRecord, revision: found.revision };
  }
}
