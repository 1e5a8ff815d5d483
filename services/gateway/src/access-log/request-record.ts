import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is known of one HTTP request, from its headers to its log line. */
export interface RequestRecord {
  readonly requestId: string;
  /** `performance.now()` when the headers were there. */
  readonly startedAtMs: number;
  readonly method: string;
  /** The client's address. */
  readonly client?: string;
  /** The route's pattern; never the path itself, which a caller writes. */
  readonly route: string;
  run?: string;
  /** Version of the agents' file by which it was served. */
  agentsVersion?: string | undefined;
  /** From the acceptance of the run to its start, in milliseconds. */
  queueWaitMs?: number;
  /** `ok`, an error code, or who ended the connection. */
  outcome?: string;
  /** The status as it was sent past the response object. */
  status?: number;
  /** `x-ratelimit-*`: where the caller stands with its limits. */
  limits?: Record<string, string>;
  /** Called once when the response is over, or its connection is. */
  onClosed?: () => void;
}

interface OpenRequest {
  readonly record: RequestRecord;
  readonly response: ServerResponse;
}

const records = new WeakMap<IncomingMessage, RequestRecord>();
const latest = new WeakMap<Socket, OpenRequest>();

export function keepRecord(
  request: IncomingMessage,
  response: ServerResponse,
  record: RequestRecord,
): void {
  records.set(request, record);
  latest.set(request.socket, { record, response });
}

/** The latest request of a connection, unless its response is over. */
export function openOn(socket: Socket): OpenRequest | undefined {
  const open = latest.get(socket);
  return open === undefined || open.response.closed ? undefined : open;
}

/** The record of a request; requests that the router refused get a fresh one. */
export function recordOf(request: IncomingMessage): RequestRecord {
  const known = records.get(request);
  if (known !== undefined) return known;
  const record = {
    requestId: requestIdOf(request),
    startedAtMs: performance.now(),
    method: request.method ?? '',
    route: 'none',
  };
  records.set(request, record);
  return record;
}

/** The caller's `x-request-id` when it is a plain word, else a fresh one. */
export function requestIdOf(request: IncomingMessage): string {
  const sent = request.headers['x-request-id'];
  if (typeof sent === 'string' && /^[\w-]{1,128}$/.test(sent)) return sent;
  return `req_${randomBytes(16).toString('hex')}`;
}

/** Whole milliseconds since the request came. */
export function processingMs(record: RequestRecord): number {
  return Math.round(performance.now() - record.startedAtMs);
}
