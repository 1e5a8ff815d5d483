/** Reading a run that this request did not make: live on any gateway, ended, or only recorded. */
import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { Reading } from '../exchange/reading.ts';
import type { RunRecords } from './run-records.ts';
import type { Follower, Runs } from './runs.ts';

/**
 * All events of a run, from the record if it has ended, else from the log and live. When the log
 * forgets it meanwhile, the rest comes from the record.
 */
export async function readRecorded(
  runs: Pick<Runs, 'follow'>,
  records: Pick<RunRecords, 'get'>,
  run: string,
): Promise<Reading> {
  const record = await records.get(run);
  const follower = record?.events === undefined ? await runs.follow(run) : undefined;
  const recorded = async (): Promise<readonly RunEvent[]> => {
    const events = record?.events ?? (await records.get(run))?.events;
    if (events === undefined) throw expired();
    return events;
  };
  return {
    run,
    acceptedAtMs: Date.now(),
    // Whoever asks again does so by the same key or id.
    runsOnUnseen: false,
    detach: () => follower?.detach(),
    leave: (reason) => {
      // A gateway that has to go is no reader that leaves.
      if (reason === 'shutdown') follower?.detach();
      else follower?.close();
    },
    events: (signal) =>
      follower === undefined ? fromList(recorded, 0, signal) : live(follower, recorded, signal),
  };
}

async function* live(
  follower: Follower,
  recorded: () => Promise<readonly RunEvent[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent> {
  let given = 0;
  for await (const event of follower.events(signal)) {
    if (event.type === 'failed' && event.code === 'answer_incomplete') {
      yield* fromList(recorded, given, signal);
      return;
    }
    given += 1;
    yield event;
  }
}

async function* fromList(
  recorded: () => Promise<readonly RunEvent[]>,
  from: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent> {
  for (const event of (await recorded()).slice(from)) {
    if (signal?.aborted === true) return;
    yield event;
  }
}

export function expired(): SwitchboardError {
  return new SwitchboardError(
    'events_expired',
    'This answer is not kept any more: its resume window is over, or it was deleted.',
  );
}
