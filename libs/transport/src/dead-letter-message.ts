/** A message of the stream of dead letters, read. */
import type { StoredMsg } from '@nats-io/jetstream';
import {
  isToken,
  originOf,
  placeOf,
  type QueuePlace,
  replayOf,
  RunRequest,
} from '@switchboard/contract';

/** What may be shown of a letter without showing what was asked. */
export interface DeadLetter {
  /** Its place in the stream of dead letters; no other letter ever has it. */
  readonly id: number;
  /** When it was given up, epoch milliseconds. */
  readonly givenUpAtMs: number;
  /** Why: an error code, or `unreadable`. */
  readonly code: string;
  readonly pool: string;
  /** The run that was given up. These three are absent where the request cannot be read. */
  readonly run?: string;
  readonly requestId?: string;
  readonly agent?: string;
  /** Bytes of the request. */
  readonly sizeBytes: number;
}

export function describe(message: StoredMsg): DeadLetter {
  const request = asObject(message.string());
  const text = (key: string): string | undefined => {
    const value = request[key];
    return typeof value === 'string' ? value : undefined;
  };
  const [run, requestId, agent] = [text('run'), text('requestId'), text('agent')];
  return {
    id: message.seq,
    givenUpAtMs: message.time.getTime(),
    code: headerOf(message, 'Switchboard-Reason') ?? 'unknown',
    pool: poolOf(message),
    ...(run === undefined ? {} : { run }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(agent === undefined ? {} : { agent }),
    sizeBytes: message.data.length,
  };
}

/** The request, also with what this version does not know of it; undefined if it is none. */
export function readRequest(message: StoredMsg): RunRequest | undefined {
  const request = asObject(message.string());
  const read = RunRequest.safeParse(request);
  return read.success ? { ...request, ...read.data } : undefined;
}

/** Where it stood in the queue: whose request it was. */
export function placeIn(message: StoredMsg): QueuePlace | undefined {
  const place = placeOf(headerOf(message, 'Switchboard-Subject') ?? '');
  if (place === undefined) return undefined;
  return isToken(place.user) && isToken(place.account) ? place : undefined;
}

export function poolOf(message: StoredMsg): string {
  return message.subject.split('.')[1] ?? '';
}

/** The same each time (D2), another for a replay that was given up; undefined: there is none. */
export function replayedRun(givenUp: string): string | undefined {
  const { run, replay } = originOf(givenUp);
  return replayOf(run, replay + 1);
}

/** Where the input is of a request that was too large for a message. */
export function inputOf(message: StoredMsg): string | undefined {
  const { input } = asObject(message.string());
  return typeof input === 'string' && isToken(input) ? input : undefined;
}

function headerOf(message: StoredMsg, name: string): string | undefined {
  const value = message.header?.get(name);
  return value === undefined || value === '' ? undefined : value;
}

function asObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Given up because it is no JSON, most likely.
    return {};
  }
}
