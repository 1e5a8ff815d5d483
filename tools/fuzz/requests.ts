import type { SeededRandom } from '@switchboard/testkit';
import { body } from './bodies.ts';
import type { BodySchemas } from './bodies.ts';
import { hostileValue, randomText } from './hostile-values.ts';
import { rawBytes } from './raw-bytes.ts';

/** One hostile request, as it goes over a connection of its own. */
export interface HostileRequest {
  readonly kind: 'body' | 'head' | 'route' | 'raw';
  readonly bytes: Buffer;
  /** Whether the connection is half closed after the bytes, or the gateway has to end it. */
  readonly ends: boolean;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'];
const IDS = [
  'resp_x',
  'resp_0123456789abcdef_0123456789abcdef012345',
  '%00',
  '%ff',
  '..',
  '*',
  '>',
];

const POSTS = ['/v1/chat/completions', '/v1/responses'] as const;
const CALLS: readonly ((id: string) => string)[] = [
  () => '/v1/chat/completions',
  () => '/v1/responses',
  () => '/v1/models',
  () => '/v1/pool',
  () => '/livez',
  () => '/readyz',
  () => '/docs',
  (id) => `/docs/${id}`,
  (id) => `/v1/models/${id}`,
  (id) => `/v1/responses/${id}`,
  (id) => `/v1/responses/${id}?stream=true&starting_after=${id}`,
  (id) => `/v1/responses/${id}/input_items?limit=${id}&after=${id}&order=${id}`,
  (id) => `/v1/responses/${id}/cancel`,
  (id) => `/${id}`,
  (id) => `//v1//models//${id}//`,
  (id) => `/v1/models?${'a&'.repeat(500)}${id}`,
  (id) => `http://other.example/v1/models/${id}`,
];

const STRANGE_HEADERS: readonly string[] = [
  'content-type: application/json; charset=utf-16',
  'content-type: application/json; charset="',
  'content-type: text/plain',
  'content-type: multipart/form-data; boundary=x',
  'content-type: ',
  'content-encoding: gzip',
  'content-encoding: br, identity',
  'transfer-encoding: gzip, chunked',
  'expect: 100-continue',
  'expect: something',
  'upgrade: h2c',
  'upgrade: websocket',
  'connection: keep-alive, upgrade, host',
  'accept: text/event-stream',
  'accept: */*;q=NaN',
  'origin: null',
  'range: bytes=0-0,-1',
  'if-none-match: *',
  'authorization: Bearer',
  'authorization: Basic Og==',
  'x-request-deadline: -1',
  'x-request-deadline: 1e999',
  'x-request-deadline: 2999-01-01T00:00:00Z',
  'x-forwarded-for: 1.2.3.4',
  'x-http-method-override: DELETE',
  'last-event-id: 0',
  'te: trailers',
  'host: other.example',
  'cookie: a=b',
];
const WRITTEN_HEADERS = [
  'idempotency-key',
  'last-event-id',
  'x-request-id',
  'x-request-deadline',
  'authorization',
  'accept',
  'accept-encoding',
  'content-type',
  'user-agent',
];

/** The next request of this seed. */
export function hostileRequest(random: SeededRandom, schemas: BodySchemas): HostileRequest {
  const part = random.int(0, 99);
  if (part < 55) return post(random, schemas, 'body', []);
  if (part < 72) return post(random, schemas, 'head', headers(random));
  if (part < 87) return route(random);
  const { bytes, ends } = rawBytes(random);
  return { kind: 'raw', bytes, ends };
}

function post(
  random: SeededRandom,
  schemas: BodySchemas,
  kind: HostileRequest['kind'],
  more: readonly string[],
): HostileRequest {
  const path = random.pick(POSTS);
  const text = body(random, path === '/v1/responses' ? 'response' : 'chat', schemas);
  const lines = [`POST ${path} HTTP/1.1`, 'host: x', ...more];
  if (!more.some((line) => line.startsWith('content-type'))) {
    lines.push('content-type: application/json');
  }
  return { kind, bytes: framed(random, lines, Buffer.from(text)), ends: false };
}

function route(random: SeededRandom): HostileRequest {
  const id = random.int(0, 2) === 0 ? encodeURI(plain(randomText(random, 20))) : random.pick(IDS);
  const path = random.pick(CALLS)(id);
  // A stream without an end is no fault: the pool's is asked for once, without following it.
  const lines = [`${random.pick(METHODS)} ${path} HTTP/1.1`, 'host: x', ...headers(random)];
  const sent = lines.filter((line) => !line.startsWith('accept:'));
  if (random.int(0, 2) > 0) return { kind: 'route', bytes: head(sent), ends: false };
  const text = Buffer.from(hostileValue(random));
  return { kind: 'route', bytes: framed(random, sent, text), ends: false };
}

function headers(random: SeededRandom): string[] {
  return Array.from({ length: random.int(0, 4) }, () => {
    if (random.int(0, 1) === 0) return random.pick(STRANGE_HEADERS);
    const value = plain(randomText(random, random.pick([5, 60, 1_000])));
    return `${random.pick(WRITTEN_HEADERS)}: ${value}`;
  });
}

/** Without what would end a header or a line; the raw requests have those. */
function plain(text: string): string {
  return text.toWellFormed().replaceAll(/\p{Cc}/gu, '~');
}

function framed(random: SeededRandom, lines: readonly string[], payload: Buffer): Buffer {
  if (random.int(0, 4) > 0) {
    return Buffer.concat([head([...lines, `content-length: ${payload.byteLength}`]), payload]);
  }
  const cut = random.int(0, payload.byteLength);
  const chunks = [payload.subarray(0, cut), payload.subarray(cut)].filter((one) => one.length > 0);
  const framing = chunks.map((chunk) =>
    Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
  );
  const end = Buffer.from('0\r\n\r\n');
  return Buffer.concat([head([...lines, 'transfer-encoding: chunked']), ...framing, end]);
}

function head(lines: readonly string[]): Buffer {
  return Buffer.from(`${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`, 'latin1');
}
