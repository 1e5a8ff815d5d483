/** Each bound on the size of a request, at it and one beyond. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import { DEPTH_MAX } from '../src/http-guard/json-depth.ts';
import { HEADERS_MAX, URL_MAX_BYTES } from '../src/http-guard/request-head.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

const BODY_MAX = 1_000_000;
/** As in `chat-schema.ts` and `input-schema.ts`: both APIs take as many. */
const MESSAGES_MAX = 16_384;

let server: TestGateway;

before(async () => {
  server = await startGateway({ bodyMaxBytes: BODY_MAX });
  server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
});
after(() => server[Symbol.asyncDispose]());

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

interface Bound {
  readonly name: string;
  /** A request with `count` of what is bounded. */
  readonly request: (count: number) => Request;
  readonly max: number;
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly message: RegExp;
}

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const chat = (fields: object): Request => ({ body: JSON.stringify({ ...CHAT, ...fields }) });
const invalid = { status: 400, code: 'invalid_request' };
const CHAT_BYTES = JSON.stringify({ ...CHAT, user: '' }).length;

const BOUNDS: readonly Bound[] = [
  {
    name: 'bytes of the body',
    request: (count) => chat({ user: 'x'.repeat(count - CHAT_BYTES) }),
    max: BODY_MAX,
    status: 413,
    code: 'body_too_large',
    param: null,
    message: /1000000 bytes/,
  },
  {
    name: 'levels of lists in the body',
    // The body itself is a level.
    request: (count) => ({ body: `{"x":${nested(count - 1)},${JSON.stringify(CHAT).slice(1)}` }),
    max: DEPTH_MAX,
    ...invalid,
    param: 'x',
    message: /nested too deeply.* 128 levels/,
  },
  {
    name: 'messages',
    request: (count) => chat({ messages: Array.from({ length: count }, () => MESSAGE) }),
    max: MESSAGES_MAX,
    ...invalid,
    param: 'messages',
    message: /16384/,
  },
  {
    name: 'items of input',
    request: (count) => ({
      path: '/v1/responses',
      body: JSON.stringify({
        model: 'assistant',
        store: false,
        input: Array.from({ length: count }, () => MESSAGE),
      }),
    }),
    max: MESSAGES_MAX,
    ...invalid,
    param: 'input',
    message: /16384/,
  },
];
const MESSAGE = { role: 'user', content: 'x' };

async function send({ method = 'POST', path = '/v1/chat/completions', headers, body }: Request) {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, text: await response.text() };
}

function checkRefusal(answer: { status: number; text: string }, bound: Omit<Bound, 'request'>) {
  const { error } = ErrorSchema.parse(JSON.parse(answer.text));
  const { status, code, param, message } = bound;
  assert.deepEqual([answer.status, error.code, error.param], [status, code, param]);
  assert.match(error.message, message);
}

describe('the size of a request', () => {
  for (const bound of BOUNDS) {
    it(`may have ${bound.max} ${bound.name}, and no more`, async () => {
      const most = await send(bound.request(bound.max));
      assert.equal(most.status, 200, most.text);
      checkRefusal(await send(bound.request(bound.max + 1)), bound);
    });
  }

  it(`may have a URL of ${URL_MAX_BYTES} bytes, and no longer`, async () => {
    const request = (bytes: number) => ({ method: 'GET', path: `/livez?${'x'.repeat(bytes - 7)}` });
    assert.equal((await send(request(URL_MAX_BYTES))).status, 200);
    const refusal = await send(request(URL_MAX_BYTES + 1));
    const bound = { name: '', max: 0, status: 414, code: 'url_too_long', param: null };
    checkRefusal(refusal, { ...bound, message: /8192 bytes/ });
  });

  it(`may have ${HEADERS_MAX} headers, and no more`, async () => {
    const answers = [];
    for (const count of [HEADERS_MAX, HEADERS_MAX + 1, 2_500]) {
      const client = new RawClient(server.port);
      const headers = Array.from({ length: count - 2 }, () => 'a:\r\n').join('');
      client.socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`);
      await client.closed;
      answers.push(client.received);
    }
    const statuses = answers.map((answer) => answer.slice(9, 12));
    assert.deepEqual(statuses, ['200', '431', '431']);
    const body: unknown = JSON.parse(answers[1]?.split('\r\n\r\n')[1] ?? '');
    assert.equal(ErrorSchema.parse(body).error.code, 'headers_too_large');
  });

  it('counts what a prototype would be changed by as not valid, at every depth', async () => {
    for (const key of ['__proto__', '\\u005f_proto__']) {
      const body = `{"a":[{"${key}":{"x":1}}],${JSON.stringify(CHAT).slice(1)}`;
      assert.equal((await send({ body })).status, 400, key);
    }
    const body = `{"a":{"constructor":{"prototype":{"x":1}}},${JSON.stringify(CHAT).slice(1)}`;
    assert.equal((await send({ body })).status, 400);
  });

  it('refuses a compressed body before it reads it', async () => {
    const answer = await send({ ...chat({}), headers: { 'content-encoding': 'gzip' } });
    const { error } = ErrorSchema.parse(JSON.parse(answer.text));
    assert.deepEqual([answer.status, error.code], [415, 'unsupported_media_type']);
  });
});
