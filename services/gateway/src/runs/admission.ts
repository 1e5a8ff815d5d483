/**
 * From a checked request to a run that can be read: a new one, or the one that its
 * `Idempotency-Key` stands for.
 *
 * - A1 what must be kept with a run is kept before the run is queued; if it cannot be, nothing
 *   runs.
 * - A2 a run that was not queued leaves nothing behind: no key, no record, no input.
 * - A3 who goes on with an answer is given that one or an error, never the rest of another.
 * - A4 nobody joins a run before the queue has taken it: of one that is refused nothing ever comes.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SwitchboardError } from '@switchboard/contract';
import type { Reading } from '../exchange/reading.ts';
import type { Pass } from '../entrance/pass.ts';
import type { Claim, IdempotencyKeys, KeyedRequest } from './idempotency.ts';
import { isForgotten, ownReading } from './own-reading.ts';
import { expired, readRecorded } from './replay.ts';
import type { RunRecord, RunRecords } from './run-records.ts';
import type { Run, Runs, Submission } from './runs.ts';

export interface Order {
  readonly submission: Omit<Submission, 'run' | 'onEnd'>;
  readonly keyed: KeyedRequest | undefined;
  /** What is kept with the run; undefined: nothing. */
  readonly record: Omit<RunRecord, 'v' | 'run' | 'createdAtMs'> | undefined;
  /**
   * Whether its reader can come back: then a gateway that has to go leaves the run alone.
   */
  readonly resumable: boolean;
  /** The run that its reader has begun to read: no other will do. */
  readonly resumes?: string | undefined;
  /** Lets a new run in, or throws. One that is joined is not asked. */
  readonly enter: (signal: AbortSignal) => Promise<Pass>;
}

export interface Admitted {
  readonly reading: Reading;
  readonly createdAtMs: number;
  /** Whether it was there before this request. */
  readonly joined: boolean;
}

export interface AdmissionOptions {
  readonly runs: Runs;
  readonly records: RunRecords;
  readonly keys: IdempotencyKeys;
  /** Stores the chat of a request that no message can carry. */
  readonly putInput: (run: string, data: Uint8Array) => Promise<void>;
  readonly deleteInput: (run: string) => Promise<void>;
}

/** Of a run of which nothing but a large input is kept, until it has ended. */
const INPUT_RECORD = {
  kind: 'chat',
  owner: '',
  stored: false,
  keyed: false,
  request: null,
} as const;

/** How soon a key is looked at again whose run is just being queued; doubles each time. */
const PENDING_FIRST_MS = 10;
const PENDING_MAX_MS = 250;

export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** @throws SwitchboardError when the queue, a limit, the key or the storage refuses it. */
  async admit(order: Order, signal: AbortSignal): Promise<Admitted> {
    const { keys, runs } = this.#options;
    const { keyed, resumes } = order;
    if (resumes !== undefined) return await this.#resume(resumes, keyed);
    if (keyed === undefined) return await this.#begin(order, runs.newRunId(), undefined, signal);
    for (let waitMs = PENDING_FIRST_MS; ;) {
      signal.throwIfAborted();
      const run = runs.newRunId();
      const claimed = await keys.claim(keyed, run);
      if (claimed.kind === 'claimed') return await this.#begin(order, run, claimed.claim, signal);
      if (claimed.state === 'pending') {
        // A4: it is taken, or free, or stale in a while.
        await pause(waitMs, undefined, { signal });
        waitMs = Math.min(waitMs * 2, PENDING_MAX_MS);
        continue;
      }
      if (claimed.state === 'stale') await runs.cancelRun(claimed.run, 'shutdown');
      else if (!(await this.#isForgotten(claimed.run))) return await this.#join(claimed.run);
      const claim = await claimed.retake();
      if (claim !== undefined) return await this.#begin(order, run, claim, signal);
    }
  }

  /** A3 */
  async #resume(run: string, keyed: KeyedRequest | undefined): Promise<Admitted> {
    const known = keyed === undefined ? undefined : await this.#options.keys.find(keyed);
    if (known === run && !(await this.#isForgotten(run))) return await this.#join(run);
    throw new SwitchboardError(
      'events_expired',
      'The answer that `Last-Event-ID` names cannot be continued any more, or not without its ' +
        '`Idempotency-Key`. Send the request again without `Last-Event-ID` to begin anew.',
      { param: 'last-event-id' },
    );
  }

  async #begin(
    order: Order,
    run: string,
    claim: Claim | undefined,
    signal: AbortSignal,
  ): Promise<Admitted> {
    const { records } = this.#options;
    const createdAtMs = Date.now();
    let held: Run;
    let pass: Pass | undefined;
    try {
      pass = await order.enter(signal);
      if (order.record !== undefined) {
        await records.create({ v: 1, run, createdAtMs, ...order.record });
      }
      held = await this.#submit(order, { run, onEnd: pass.ended.bind(pass) }, signal);
    } catch (thrown) {
      // A2: what fails here is found again by nobody, and ages out.
      await Promise.allSettled([
        claim?.release(),
        order.record === undefined ? undefined : records.delete(run),
      ]);
      throw pass?.refused(thrown) ?? thrown;
    }
    try {
      await claim?.confirm();
    } catch (thrown) {
      // Its key would count as nobody's in a moment, and a repetition would run a second time.
      void held.cancel('deadline');
      throw thrown;
    }
    return { reading: ownReading(held, order), createdAtMs, joined: false };
  }

  /** What is too large for a message goes ahead of it, and the message says where it is. */
  async #submit(
    order: Order,
    own: Pick<Submission, 'onEnd'> & { readonly run: string },
    signal: AbortSignal,
  ): Promise<Run> {
    const submission = { ...order.submission, ...own };
    const { runs } = this.#options;
    try {
      return await runs.submit(submission, signal);
    } catch (thrown) {
      if (!(thrown instanceof SwitchboardError) || thrown.code !== 'body_too_large') throw thrown;
    }
    return await this.#submitWithInput(order, submission, signal);
  }

  async #submitWithInput(
    { record }: Order,
    submission: Submission & { readonly run: string },
    signal: AbortSignal,
  ): Promise<Run> {
    const { run } = submission;
    const { deleteInput, putInput, records, runs } = this.#options;
    try {
      // The recorder deletes the inputs of the runs that it has a record of.
      if (record === undefined) {
        await records.create({ v: 1, run, createdAtMs: Date.now(), ...INPUT_RECORD });
      }
      await putInput(run, new TextEncoder().encode(JSON.stringify(submission.chat)));
      return await runs.submit({ ...submission, chat: { messages: [] }, input: run }, signal);
    } catch (thrown) {
      // A2: refused requests would fill the store with what nobody reads.
      await Promise.allSettled([deleteInput(run), records.delete(run)]);
      throw thrown;
    }
  }

  async #join(run: string): Promise<Admitted> {
    const { records, runs } = this.#options;
    const record = await records.get(run);
    // There was one before the run was queued, and it stays for as long as anything is kept.
    if (record === undefined) throw expired();
    const reading = await readRecorded(runs, records, run);
    return { reading, createdAtMs: record.createdAtMs, joined: true };
  }

  /** Whether it ended in a way that is not remembered under its key: cancelled, or refused late. */
  async #isForgotten(run: string): Promise<boolean> {
    const record = await this.#options.records.get(run);
    if (record === undefined) return false;
    const last = (record.events ?? (await this.#options.runs.readLogged(run))).at(-1);
    return last !== undefined && isForgotten(last);
  }
}
