import type { IncomingMessage } from 'node:http';

export const BODY_BYTES_MAX = 32 * 1_024 * 1_024;

/**
 * Calls `done` once: with the body, or with undefined if it has more than BODY_BYTES_MAX bytes.
 * A body that breaks off calls nothing.
 */
export function readBody(request: IncomingMessage, done: (body: string | undefined) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  request.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= BODY_BYTES_MAX) parts.push(part);
    else parts.length = 0;
  });
  request.on('error', () => undefined); // The caller left while it sent: no run began.
  request.once('end', () => {
    done(bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(parts).toString('utf8'));
  });
}
