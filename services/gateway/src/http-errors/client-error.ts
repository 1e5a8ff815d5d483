import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { SwitchboardError } from '@switchboard/contract';
import { openOn } from '../access-log/request-record.ts';
import { SECURITY_HEADERS } from '../http-guard/security-headers.ts';
import { errorAnswer } from './http-errors.ts';

interface ClientErrorLog {
  info(fields: object, message: string): void;
}

/** The client closed the connection, the second time in the middle of a request. */
const LEFT = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

/**
 * Answers what Node refuses before there is a request, or while its body is still coming: headers
 * or a body that are too slow, headers that are too long, and bytes that are not HTTP. There is no
 * response object then, so the answer is written by hand.
 */
export function answerClientError(thrown: Error, socket: Socket, log: ClientErrorLog): void {
  const code = 'code' in thrown ? String(thrown.code) : '';
  if (socket.destroyed || !socket.writable || LEFT.has(code)) {
    socket.destroy();
    return;
  }
  const open = openOn(socket);
  if (open?.response.headersSent === true && !open.response.writableFinished) {
    // In the middle of an answer another one would be taken for a part of it.
    socket.destroy();
    return;
  }
  const error = errorOf(code);
  const { status, headers, body } = errorAnswer(error);
  const text = JSON.stringify(body);
  const head = {
    ...SECURITY_HEADERS,
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
    ...(open === undefined ? {} : { 'x-request-id': open.record.requestId }),
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  if (open === undefined) {
    log.info({ status, outcome: error.code, reason: code }, 'request refused before its headers');
  } else {
    open.record.outcome ??= error.code;
    open.record.status ??= status;
  }
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
  socket.destroySoon();
}

function errorOf(code: string): SwitchboardError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SwitchboardError('request_timeout', 'The request did not arrive in time.');
    case 'HPE_HEADER_OVERFLOW':
      return new SwitchboardError('headers_too_large', 'The headers of the request are too large.');
    default:
      return new SwitchboardError('invalid_request', 'The request is not valid HTTP.');
  }
}
