/**
 * The end of a run's data in the event log.
 *
 * An end must stay when the rest goes: a claim is stored if nothing was ever said of the run, an
 * end if no end is there, so in an emptied log a worker that was frozen for minutes could claim or
 * end the run once more. What stays is a gravestone: the kind of the end, without a word of the
 * prompt or the answer. It goes with its stream's age, an hour by default, which begins anew.
 *
 * Each subject is purged by its own name. One purge of `<run>.>` looks at every message anybody
 * stored between the run's first and its last, while nobody else can store: measured with runs of
 * 10 s at 500 a second, 3.5 ms of the server each; by name it was 0.5 ms, and is less since.
 */
import {
  decodeEvents,
  EVENTS_STREAM,
  type EventMessage,
  isEnd,
  type RunEnd,
  runClaim,
  runEnd,
  runLog,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError } from '../link/store.ts';
import { ANSWER_TIMEOUT_MS, patiently } from './patience.ts';

/** All that is left of a run: its end, and that its events are gone. */
export interface Gravestone extends EventMessage {
  readonly gone: true;
}

/** Whether the events before this message were removed on purpose. */
export function isGravestone(message: EventMessage): message is Gravestone {
  return message.gone === true;
}

/**
 * Removes every event of an ended run from the log but its bare end. Idempotent; several may do it
 * at once. A run without an end is left alone: its worker still writes.
 * @throws SwitchboardError `queue_unavailable`: then some may be left
 */
export async function purgeRun(link: NatsLink, run: string): Promise<void> {
  const buried = await patiently(() => bury(link, run));
  if (buried !== undefined) await sweep(link, run, buried);
}

/**
 * For a worker that learns late that its run has ended: if the run was purged meanwhile, what this
 * worker has written since goes too. @throws SwitchboardError `queue_unavailable`
 */
export async function purgeLate(link: NatsLink, run: string): Promise<void> {
  const end = await patiently(() => readLast(link, runEnd(run)));
  if (end !== undefined && isGravestone(end.message)) await sweep(link, run, end);
}

/** An end, and what is known of the ends before its gravestone. */
interface Buried {
  readonly message: EventMessage;
  /** The only one there is; undefined when it is not known which there are. */
  readonly oldEnd?: number;
}

/**
 * Puts the gravestone after the end, and nothing else: what is removed later leaves no moment
 * without an end. @returns undefined when there is no end. @throws StoreError
 */
async function bury(link: NatsLink, run: string): Promise<Buried | undefined> {
  const end = await readLast(link, runEnd(run));
  if (end === undefined || isGravestone(end.message)) return end;
  const data = JSON.stringify(gravestone(end.message));
  const options = { expectedLast: end.seq, timeoutMs: ANSWER_TIMEOUT_MS };
  try {
    await store(link, runEnd(run), data, options);
  } catch (error) {
    // There is one by now, somebody else's or our own of an earlier try: the next try reads it.
    if (!(error instanceof StoreError) || error.failure !== 'conflict') throw error;
    throw new StoreError('unknown', error.message, error);
  }
  return { message: end.message, oldEnd: end.seq };
}

/** Removes what the gravestone stands for. @throws SwitchboardError */
async function sweep(link: NatsLink, run: string, { message, oldEnd }: Buried): Promise<void> {
  const logs = await patiently(() => logSubjects(link, run, message));
  const purgeOne = (filter: string): Promise<void> => patiently(() => purge(link, { filter }));
  const told = message.a > 0;
  await Promise.all([
    patiently(() => deleteOldEnds(link, run, oldEnd)),
    ...[...logs, ...(told ? [runClaim(run)] : [])].map(purgeOne),
  ]);
  // Last: it says how many attempts there were, to whoever has to do this once more.
  if (!told) await purgeOne(runClaim(run));
}

/**
 * All ends before the gravestone, one by one: a purge of the subject matches the recorder's
 * consumer, and nats-server then forgets every redelivery that was due to it until its ack wait is
 * over (seen with 2.14.5).
 */
async function deleteOldEnds(link: NatsLink, run: string, only?: number): Promise<void> {
  if (only !== undefined) return deleteOne(link, only);
  for (let seq = 1; ;) {
    const old = await readOne(link, { next_by_subj: runEnd(run), seq });
    if (old === undefined || isGravestone(old.message)) return;
    await deleteOne(link, old.seq);
    seq = old.seq + 1;
  }
}

async function deleteOne(link: NatsLink, seq: number): Promise<void> {
  try {
    const body = { seq, no_erase: true };
    await api(link, `STREAM.MSG.DELETE.${EVENTS_STREAM}`, body, ANSWER_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof StoreError) || error.failure !== 'not_found') throw error;
  }
}

/** The subjects that attempts have written on. @throws StoreError */
async function logSubjects(link: NatsLink, run: string, end: EventMessage): Promise<string[]> {
  // A worker's end is stored only while no later attempt has begun; a gateway's bears no attempt.
  const last = end.a > 0 ? end.a : (await readLast(link, runClaim(run)))?.message.a;
  // Without a claim there is most often nothing, which is cheap to find out.
  if (last === undefined) return [runLog(run, 1).replace(/1$/, '*')];
  return Array.from({ length: last }, (_, index) => runLog(run, index + 1));
}

/**
 * Nothing of a provider's or a caller's making is kept, only words from closed lists.
 */
function gravestone({ a, n, e }: EventMessage): Gravestone {
  const last = e.at(-1);
  const bare = last !== undefined && isEnd(last) ? bareEnd(last) : LOST;
  // Its own number: a reader who asks for what came before it sees that there is a gap.
  return { a, n: n + Math.max(e.length - 1, 0), e: [bare], gone: true };
}

const LOST: RunEnd = { type: 'failed', code: 'internal_error', message: 'Unreadable end.' };

function bareEnd(end: RunEnd): RunEnd {
  if (end.type === 'completed') return { type: 'completed', finishReason: 'stop' };
  if (end.type === 'cancelled') return { type: 'cancelled', reason: end.reason };
  return { type: 'failed', code: end.code, message: 'What happened is no longer stored.' };
}

async function purge(link: NatsLink, body: { filter: string }): Promise<void> {
  try {
    await api(link, `STREAM.PURGE.${EVENTS_STREAM}`, body, ANSWER_TIMEOUT_MS);
  } catch (error) {
    // No stream, no events.
    if (!(error instanceof StoreError) || error.failure !== 'not_found') throw error;
  }
}

interface ReadMessage {
  readonly seq: number;
  readonly message: EventMessage;
}

/** The last message on `subject`. @throws StoreError */
function readLast(link: NatsLink, subject: string): Promise<ReadMessage | undefined> {
  return readOne(link, { last_by_subj: subject });
}

/** From the stream's leader. @throws StoreError */
async function readOne(link: NatsLink, which: object): Promise<ReadMessage | undefined> {
  const call = `STREAM.MSG.GET.${EVENTS_STREAM}`;
  try {
    const answer = await api(link, call, which, ANSWER_TIMEOUT_MS);
    const { seq, data } = (answer as { message: { seq: number; data?: string } }).message;
    return { seq, message: decodeEvents(Buffer.from(data ?? '', 'base64').toString()) };
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not_found') return undefined;
    throw error;
  }
}
