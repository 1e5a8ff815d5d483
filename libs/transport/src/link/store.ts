/**
 * Publishing into a stream with an acknowledgement, and the few JetStream API calls we make, as
 * plain requests. The nats.js JetStream client is used for set-up only: here an answer must tell
 * "refused", "unknown" and "away" apart, and the hot path wants no more than one request.
 */
import {
  headers,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
  type MsgHdrs,
  RequestError,
} from '@nats-io/transport-node';
import { toError } from '@switchboard/contract';
import type { NatsLink } from './nats-link.ts';

/**
 * Why a publish or API call did not succeed.
 * - `subject_full`: the stream holds as many messages as it may on that subject.
 * - `stream_full`: it holds as many messages or bytes as it may altogether.
 * - `conflict`: the expected last sequence was another.
 * - `not_found`: no such message or stream.
 * - `refused`: another answer of the server; the message says which.
 * - `unknown`: no answer came. It may have been stored.
 * - `away`: nobody could take it (no connection, no leader, no JetStream). Not stored.
 */
export type StoreFailure =
  'subject_full' | 'stream_full' | 'conflict' | 'not_found' | 'refused' | 'unknown' | 'away';

export class StoreError extends Error {
  readonly failure: StoreFailure;
  constructor(failure: StoreFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'StoreError';
    this.failure = failure;
  }
}

export interface StoreOptions {
  /** `Nats-Msg-Id`: a repeat within the stream's window is acknowledged as a duplicate. */
  readonly id?: string;
  /**
   * Store only if this is the last sequence on `filter` (or, without it, on the subject); 0: none.
   */
  readonly expectedLast?: number;
  /** Subject filter that `expectedLast` is compared on. */
  readonly filter?: string;
  /** Whole seconds after which the server removes the message. */
  readonly ttlSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to wait for the acknowledgement. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

export interface Stored {
  readonly seq: number;
  readonly duplicate: boolean;
  /** In a stream of counters: the subject's new total, in decimal digits. */
  readonly total: string | undefined;
}

interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Publishes and waits for the stream's acknowledgement. @throws StoreError */
export async function store(
  link: NatsLink,
  subject: string,
  data: Uint8Array | string,
  options: StoreOptions = {},
): Promise<Stored> {
  const answer = await request(link, subject, data, options.timeoutMs ?? 5_000, toHeaders(options));
  const ack = answer as { seq?: number; duplicate?: boolean; val?: string };
  if (typeof ack.seq !== 'number') throw new StoreError('refused', 'not an acknowledgement');
  return { seq: ack.seq, duplicate: ack.duplicate === true, total: ack.val };
}

/** Calls the JetStream API: `call` is what stands after `$JS.API.`. @throws StoreError */
export function api(
  link: NatsLink,
  call: string,
  body: object,
  timeoutMs = 5_000,
): Promise<object> {
  return request(link, `$JS.API.${call}`, JSON.stringify(body), timeoutMs);
}

async function request(
  link: NatsLink,
  subject: string,
  data: Uint8Array | string,
  timeout: number,
  msgHeaders?: MsgHdrs,
): Promise<object> {
  if (!link.connected) throw new StoreError('away', 'not connected');
  let text: string;
  try {
    const options = msgHeaders === undefined ? { timeout } : { timeout, headers: msgHeaders };
    text = (await link.connection.request(subject, data, options)).string();
  } catch (error) {
    throw fromRequestError(error);
  }
  const answer = JSON.parse(text) as { error?: ApiError };
  if (answer.error !== undefined) throw fromApiError(answer.error);
  return answer;
}

function toHeaders(options: StoreOptions): MsgHdrs | undefined {
  const { id, expectedLast, filter, ttlSeconds } = options;
  const fields: [string, string][] = Object.entries(options.headers ?? {});
  if (id !== undefined) fields.push(['Nats-Msg-Id', id]);
  if (expectedLast !== undefined) {
    fields.push(['Nats-Expected-Last-Subject-Sequence', String(expectedLast)]);
    if (filter !== undefined) fields.push(['Nats-Expected-Last-Subject-Sequence-Subject', filter]);
  }
  if (ttlSeconds !== undefined) fields.push(['Nats-TTL', String(ttlSeconds)]);
  if (fields.length === 0) return undefined;
  const result = headers();
  for (const [name, value] of fields) result.set(name, value);
  return result;
}

function fromRequestError(error: unknown): StoreError {
  const noResponders =
    error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
  if (noResponders) return new StoreError('away', 'nobody answers for the stream', error);
  if (error instanceof TimeoutError) return new StoreError('unknown', 'no answer in time', error);
  const { cause } = toError(error);
  if (cause instanceof PermissionViolationError) {
    return new StoreError('refused', `NATS does not permit it: ${cause.message}`, error);
  }
  // A connection that closed under the request: it may have been written before.
  return new StoreError('unknown', toError(error).message, error);
}

/** No message, no message to delete, no such sequence, no stream. */
const NOT_FOUND = new Set([10037, 10057, 10043, 10059]);

/** Error 10077 is shared by three limits, so its text decides. */
function fromApiError(error: ApiError): StoreError {
  const text = error.description ?? `error ${error.err_code ?? error.code}`;
  if (error.err_code === 10077) {
    return new StoreError(text.includes('per subject') ? 'subject_full' : 'stream_full', text);
  }
  if (error.err_code === 10071) return new StoreError('conflict', text);
  if (NOT_FOUND.has(error.err_code ?? 0)) {
    return new StoreError('not_found', text);
  }
  // 10008: JetStream temporarily unavailable; 10047, 10023, 10118: storage or leader missing.
  if (error.code === 503 && error.err_code !== 10047) return new StoreError('away', text);
  return new StoreError('refused', text);
}
