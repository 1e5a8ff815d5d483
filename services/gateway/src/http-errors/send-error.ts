import type { ServerResponse } from 'node:http';
import type { SwitchboardError } from '@switchboard/contract';
import { processingMs } from '../access-log/request-record.ts';
import type { RequestRecord } from '../access-log/request-record.ts';
import { errorAnswer } from './http-errors.ts';

/** Answers with `error` on the raw response. Does nothing when the head has been sent already. */
export function sendError(
  response: ServerResponse,
  record: RequestRecord,
  error: SwitchboardError,
  options: { readonly started?: boolean; readonly headers?: Record<string, string> } = {},
): void {
  record.outcome ??= error.code;
  if (response.headersSent || response.destroyed) return;
  const answer = errorAnswer(error, options.started);
  const body = Buffer.from(JSON.stringify(answer.body));
  response.writeHead(answer.status, {
    ...answer.headers,
    ...options.headers,
    ...record.limits,
    ...(record.queueWaitMs === undefined ? {} : { 'x-queue-wait-ms': String(record.queueWaitMs) }),
    'x-request-id': record.requestId,
    'openai-processing-ms': String(processingMs(record)),
    'content-length': String(body.byteLength),
  });
  response.end(body);
}
