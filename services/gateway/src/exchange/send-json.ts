import type { Exchange } from './exchange.ts';

/** Answers with one JSON object and status 200. Does nothing when the client has gone. */
export function sendJson(exchange: Exchange, object: object): void {
  const { record, response, slowReader } = exchange;
  record.outcome ??= 'ok';
  if (response.destroyed) return;
  const body = Buffer.from(JSON.stringify(object));
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(body.byteLength),
    ...exchange.headers(),
  });
  response.end(body);
  if (response.writableLength > 0) slowReader.arm();
}
