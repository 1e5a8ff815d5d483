/**
 * What is kept of a run besides its events: whose it is, what was asked, and after its end its
 * events too, so that it can be read again when the event log has forgotten it.
 *
 * A stored response stays in the bucket `responses` until its time is over. What is kept only to be
 * repeated or resumed (a chat with an `Idempotency-Key`, a response that is not stored) stays in
 * the bucket `idempotency`, which forgets sooner.
 */
import { replayOf } from '@switchboard/contract';
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
  /**
   * How many replays of it have ended, if it was given up: `events` are the last one's. (A person
   * replays what was given up: `npm run dead-letters`.)
   */
  readonly replays?: number;
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
    return await this.#change(run, (record) =>
      record.events === undefined ? { ...record, events } : undefined,
    );
  }

  /** A replay's events take the place of those before it. @returns the record, as {@link finish} */
  async finishReplay(
    run: string,
    replays: number,
    events: readonly RunEvent[],
  ): Promise<RunRecord | undefined> {
    return await this.#change(run, (record) =>
      (record.replays ?? 0) < replays ? { ...record, events, replays } : undefined,
    );
  }

  async delete(run: string): Promise<void> {
    await Promise.all([this.#stored.delete(keyOf(run)), this.#passing.delete(keyOf(run))]);
  }

  /** `changed` gives undefined where nothing is to be changed. */
  async #change(
    run: string,
    changed: (record: RunRecord) => RunRecord | undefined,
  ): Promise<RunRecord | undefined> {
    for (;;) {
      const found = await this.#find(run);
      const record = found === undefined ? undefined : changed(found.record);
      if (found === undefined || record === undefined) return found?.record;
      const revision = await this.#bucket(record).update(keyOf(run), record, found.revision);
      if (revision !== undefined) return record;
    }
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

/**
 * The replays that may hold something of a run: those that have ended, and the next one, which may
 * be under way when `events`, all there are, say that it was given up.
 */
export function replaysOf(
  { run, replays = 0 }: Pick<RunRecord, 'run' | 'replays'>,
  events: readonly RunEvent[],
): readonly string[] {
  const last = events.at(-1);
  const givenUp = last?.type === 'failed' && last.code === 'too_many_attempts';
  const numbers = Array.from({ length: replays + (givenUp ? 1 : 0) }, (_, index) => index + 1);
  return numbers.flatMap((replay) => replayOf(run, replay) ?? []);
}
