/**
 * What happens to a run's data when the run has ended. Called for every end, by one gateway at a
 * time, and again by another one when that gateway dies: each step may be repeated.
 *
 * - R1 the events of a run that has a record are in the record before they leave the log.
 * - R2 a run's events leave the log when its resume window is over.
 * - R3 a record that is kept for nobody leaves with them.
 */
import type { RunRecords } from './run-records.ts';
import type { Runs } from './runs.ts';

export interface RecorderOptions {
  readonly runs: Pick<Runs, 'readLogged'>;
  readonly records: RunRecords;
  /** Removes a run's events from the log. */
  readonly purge: (run: string) => Promise<void>;
  readonly deleteInput: (run: string) => Promise<void>;
  readonly removeDeadLetters: (run: string) => Promise<unknown>;
  readonly resumeWindowMs: number;
  readonly now?: () => number;
}

export class Recorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** @returns when to call it again, if it must be. */
  async onEnd(run: string, endedAtMs: number): Promise<{ again: number } | undefined> {
    const { records, runs, purge, deleteInput, removeDeadLetters } = this.#options;
    const { resumeWindowMs, now = Date.now } = this.#options;
    const leftMs = endedAtMs + resumeWindowMs - now();
    const known = await records.get(run);
    const record =
      known === undefined || known.events !== undefined
        ? known
        : await records.finish(run, await runs.readLogged(run));
    if (leftMs > 0) return { again: leftMs };
    // A dead letter can be sent again only with its input; removing the letter removes both.
    const isDead = record?.events?.some(
      (event) => event.type === 'failed' && event.code === 'too_many_attempts',
    );
    if (record !== undefined && isDead !== true) await deleteInput(run);
    await purge(run);
    if (record !== undefined && !record.stored && !record.keyed) {
      if (isDead === true && record.kind === 'response') await removeDeadLetters(run);
      await records.delete(run);
    }
    return undefined;
  }
}
