/**
 * What happens to a run's data when the run has ended. Called for every end, by one gateway at a
 * time, and again by another one when that gateway dies: each step may be repeated.
 *
 * - R1 the events of a run that has a record are in the record before they leave the log.
 * - R2 a run's events leave the log when its resume window is over.
 * - R3 a record that is kept for nobody leaves with them.
 * - R4 the replay of a run that was given up belongs to that run's record.
 */
import { originOf } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { RunRecord, RunRecords } from './run-records.ts';
import type { Runs } from './runs.ts';

export interface RecorderOptions {
  readonly runs: Pick<Runs, 'readLogged'>;
  readonly records: RunRecords;
  /** Removes a run's events from the log. */
  readonly purge: (run: string) => Promise<void>;
  readonly deleteInput: (run: string) => Promise<void>;
  /** Of a run and its replays. */
  readonly removeDeadLetters: (run: string) => Promise<unknown>;
  readonly resumeWindowMs: number;
  readonly now?: () => number;
}

/** What is kept of a run that has ended; nothing is known of one that nobody keeps. */
interface Kept {
  readonly record: RunRecord | undefined;
  /** Of this run, also where the record has those of a later replay. */
  readonly events: readonly RunEvent[] | undefined;
}

export class Recorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** @returns when to call it again, if it must be. */
  async onEnd(run: string, endedAtMs: number): Promise<{ again: number } | undefined> {
    const { records, purge, deleteInput, removeDeadLetters } = this.#options;
    const { resumeWindowMs, now = Date.now } = this.#options;
    const leftMs = endedAtMs + resumeWindowMs - now();
    const { record, events } = await this.#keep(run);
    if (leftMs > 0) return { again: leftMs };
    const letter = letterOf(events);
    // A letter can be sent again only with its input; removing the letter removes both.
    if (events !== undefined && letter !== 'whole') await deleteInput(run);
    await purge(run);
    if (record !== undefined && !record.stored && !record.keyed) {
      if (letter !== 'none' && record.kind === 'response') await removeDeadLetters(run);
      await records.delete(record.run);
    }
    return undefined;
  }

  /** R1, R4 */
  async #keep(run: string): Promise<Kept> {
    const { records, runs } = this.#options;
    const origin = originOf(run);
    if (origin.replay > 0) {
      const events = await runs.readLogged(run);
      return { record: await records.finishReplay(origin.run, origin.replay, events), events };
    }
    const known = await records.get(run);
    const isOpen = known !== undefined && known.events === undefined;
    const record = isOpen ? await records.finish(run, await runs.readLogged(run)) : known;
    return { record, events: record?.events };
  }
}

/**
 * What may be kept of the request as a dead letter: all of it, or what no worker could read.
 * Otherwise nothing is.
 */
function letterOf(events: readonly RunEvent[] | undefined): 'whole' | 'unreadable' | 'none' {
  const end = events?.at(-1);
  if (end?.type !== 'failed') return 'none';
  if (end.code === 'too_many_attempts') return 'whole';
  return end.code === 'request_lost' ? 'unreadable' : 'none';
}
