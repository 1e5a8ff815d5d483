/** Reading a run's events back out of the `EVENTS` stream. */
import { jetstreamManager } from '@nats-io/jetstream';
import {
  decodeEvents,
  EVENTS_STREAM,
  type EventMessage,
  type RunEvent,
  runEnd,
  runEvents,
  runLog,
  runState,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api, StoreError } from '../link/store.ts';
import { INCOMPLETE, RunSequence } from './run-sequence.ts';

export interface LoggedMessage {
  readonly seq: number;
  readonly isEnd: boolean;
  readonly message: EventMessage;
  /** The text as stored, to tell one's own message from another's. */
  readonly text: string;
}

/** The last claim of a run, or its end. */
export interface RunState extends LoggedMessage {
  /** Milliseconds since that attempt last said something, by the server's clock; 0 of an end. */
  readonly silentMs: number;
  /** Whether the attempt has written anything but `started`. */
  readonly shown: boolean;
  /** Whether the attempt was handed back unfinished. */
  readonly back: boolean;
  /** Sequence of the last message of anybody: the same later means that all this still holds. */
  readonly lastSeq: number;
}

/** Where a reading begins: at a sequence of the stream, or at a time, epoch milliseconds. */
export type LogPosition = { readonly seq: number } | { readonly fromMs: number };

/** Most messages of one {@link readLog} call. */
const BATCH = 256;
/** After so many bytes it brings no further message. */
const BATCH_BYTES = 262_144;

/** Where a run stands; undefined when nobody has claimed or ended it. @throws StoreError */
export async function readState(link: NatsLink, run: string): Promise<RunState | undefined> {
  // First of all: what is read later may only be newer.
  const lastSeq = (await readLast(link, runEvents(run), run))?.seq ?? 0;
  const state = await readLast(link, runState(run), run);
  if (state === undefined) return undefined;
  if (state.isEnd) return { ...state, silentMs: 0, shown: true, back: false, lastSeq };
  const said = await readLast(link, runLog(run, state.message.a), run);
  const lastAtMs = Math.max(state.storedAtMs, said?.storedAtMs ?? 0);
  return {
    ...state,
    silentMs: (await serverNow(link)) - lastAtMs,
    shown: said !== undefined && said.message.n + said.message.e.length > 2,
    back: said?.message.back === true,
    lastSeq,
  };
}

/** How far a run has come, as the log tells it. */
export interface Standing {
  readonly end?: LoggedMessage | undefined;
  /** What anybody said last, which may be later than the end; undefined when nothing is stored. */
  readonly newest?: LoggedMessage | undefined;
}

/** @throws StoreError */
export async function readStanding(link: NatsLink, run: string): Promise<Standing> {
  // The newest first: an end may come between the two.
  const newest = await readLast(link, runEvents(run), run);
  if (newest === undefined || newest.isEnd) return { end: newest, newest };
  return { end: await readLast(link, runEnd(run), run), newest };
}

/**
 * The last message that matches, read from the stream's leader: a direct get may be answered by a
 * replica that is behind.
 */
async function readLast(
  link: NatsLink,
  filter: string,
  run: string,
): Promise<(LoggedMessage & { readonly storedAtMs: number }) | undefined> {
  let answer: GetAnswer;
  try {
    const body = { last_by_subj: filter };
    answer = (await api(link, `STREAM.MSG.GET.${EVENTS_STREAM}`, body)) as GetAnswer;
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not_found') return undefined;
    throw error;
  }
  const { seq, subject, data, time } = answer.message;
  const text = Buffer.from(data ?? '', 'base64').toString();
  const isEnd = subject === runEnd(run);
  return { seq, isEnd, message: decodeEvents(text), text, storedAtMs: Date.parse(time) };
}

/** Whether a run has its end. @throws StoreError */
export function hasEnd(link: NatsLink, run: string): Promise<boolean> {
  return holds(link, runEnd(run));
}

/** Whether anything that was said of a run is still stored. @throws StoreError */
export function hasEvents(link: NatsLink, run: string): Promise<boolean> {
  return holds(link, runEvents(run));
}

async function holds(link: NatsLink, filter: string): Promise<boolean> {
  try {
    await api(link, `STREAM.MSG.GET.${EVENTS_STREAM}`, { last_by_subj: filter });
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not_found') return false;
    throw error;
  }
}

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

interface GetAnswer {
  readonly message: {
    readonly seq: number;
    readonly subject: string;
    readonly data?: string;
    readonly time: string;
  };
}

/** The clock of the stream's leader: times must not depend on the clocks of two machines. */
async function serverNow(link: NatsLink): Promise<number> {
  const info = (await api(link, `STREAM.INFO.${EVENTS_STREAM}`, {})) as { ts?: string };
  return info.ts === undefined ? Date.now() : Date.parse(info.ts);
}

function isNotFound(error: unknown): boolean {
  const code = (error as { code?: unknown; status?: unknown } | null)?.code;
  return code === 404 || (error as { status?: unknown } | null)?.status === 404;
}
