import { connect } from 'node:net';
import type { HostileRequest } from './requests.ts';

/** Far above the gateway's own time-outs in a fuzz run. */
export const HUNG_MS = 20_000;
/** More than any answer of the simulator; what comes beyond is read and forgotten. */
const KEPT_MAX_BYTES = 64 * 1_024;

export interface Reply {
  /** `closed`: with or without an answer; `hung`: neither. */
  readonly end: 'closed' | 'hung';
  /** The beginning of what came back. */
  readonly text: string;
  readonly durationMs: number;
}

/** Sends a request on a connection of its own and reads until the gateway closes it. */
export async function send(port: number, request: HostileRequest): Promise<Reply> {
  const startedAtMs = performance.now();
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const kept: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<Reply['end']>();
  const timer = setTimeout(() => resolve('hung'), HUNG_MS);
  socket.on('data', (data: Buffer) => {
    if (bytes < KEPT_MAX_BYTES) kept.push(data);
    bytes += data.byteLength;
    // An answer has come: a connection that is kept for more is not hung.
    if (request.kind === 'raw') socket.end();
  });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  socket.once('close', () => resolve('closed'));
  if (request.ends) socket.end(request.bytes);
  else socket.write(request.bytes);
  const end = await promise;
  clearTimeout(timer);
  socket.destroy();
  const text = Buffer.concat(kept).toString('utf8');
  return { end, text, durationMs: performance.now() - startedAtMs };
}
