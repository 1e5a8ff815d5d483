/** Reading a run's events back out of the `EVENTS` stream. */
import { jetstreamManager } from '@nats-io/jetstream';
import {
  decodeEvents,
  EVENTS_STREAM,
  type RunEvent,
  runEnd,
  runEvents,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { StoreError } from '../link/store.ts';
import { hasEvents, type LoggedMessage, readStanding } from './log-state.ts';
import { INCOMPLETE, RunSequence } from './run-sequence.ts';

/** Where a reading begins: at a sequence of the stream, or at a time, epoch milliseconds. */
export type LogPosition = { readonly seq: number } | { readonly fromMs: number };

/** Most messages of one {@link readLog} call. */
const BATCH = 256;
/** After so many bytes it brings no further message. */
const BATCH_BYTES = 262_144;

/**
 * Up to 256 messages of a run from `from` on, in order; fewer when they are large.
 * @throws StoreError `away` or `unknown`
 */
export async function readLog(
  link: NatsLink,
  run: string,
  from: LogPosition,
): Promise<readonly LoggedMessage[]> {
  if (!link.connected) throw new StoreError('away', 'not connected');
  const end = runEnd(run);
  const result: LoggedMessage[] = [];
  try {
    const manager = await jetstreamManager(link.connection, { checkAPI: false, timeout: 5_000 });
    const batch = await manager.direct.getBatch(EVENTS_STREAM, {
      ...('seq' in from ? { seq: from.seq } : { start_time: new Date(from.fromMs) }),
      batch: BATCH,
      max_bytes: BATCH_BYTES,
      next_by_subj: runEvents(run),
    });
    for await (const stored of batch) {
      const text = stored.string();
      result.push({
        seq: stored.seq,
        isEnd: stored.subject === end,
        message: decodeEvents(text),
        text,
      });
    }
  } catch (error) {
    if (isNotFound(error)) return result;
    throw new StoreError('unknown', 'the event log did not answer', error);
  }
  return result;
}

/** How often, and how far apart, a log that a replica does not hold whole yet is read on. */
const WHOLE_TRIES = 100;
const WHOLE_RETRY_MS = 50;

/**
 * Everything a reader of the run would have been given by now. When the beginning or a part before
 * the end is not stored any more, the last event is the failure `answer_incomplete`.
 * @throws StoreError `away` or `unknown`
 */
export async function readWhole(link: NatsLink, run: string): Promise<readonly RunEvent[]> {
  const { newest } = await readStanding(link, run);
  if (newest === undefined) return [];
  const sequence = new RunSequence();
  const events: RunEvent[] = [];
  let seq = 1;
  for (let tries = 0; seq <= newest.seq && !sequence.ended;) {
    const read = await readLog(link, run, { seq });
    for (const { message, isEnd } of read) {
      const added = sequence.take(message, isEnd);
      if (added === undefined && (isEnd || sequence.attempt === 0)) return [...events, INCOMPLETE];
      events.push(...(added ?? []));
    }
    seq = (read.at(-1)?.seq ?? seq - 1) + 1;
    if (read.length > 0) continue;
    // A replica that is behind, or somebody has just removed it.
    tries += 1;
    if (tries >= WHOLE_TRIES) throw new StoreError('unknown', 'the event log is not whole');
    if (!(await hasEvents(link, run))) return [];
    await new Promise((resolve) => setTimeout(resolve, WHOLE_RETRY_MS));
  }
  return events;
}

function isNotFound(error: unknown): boolean {
  const code = (error as { code?: unknown; status?: unknown } | null)?.code;
  return code === 404 || (error as { status?: unknown } | null)?.status === 404;
}
