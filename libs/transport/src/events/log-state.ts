/** Where a run stands, as the event log tells it: its last claim or end, and what was said last. */
import {
  decodeEvents,
  EVENTS_STREAM,
  type EventMessage,
  runEnd,
  runEvents,
  runLog,
  runState,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api, StoreError } from '../link/store.ts';

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
