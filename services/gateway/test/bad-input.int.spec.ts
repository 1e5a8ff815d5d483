import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;

before(async () => {
  server = await startGateway({ bodyTimeoutMs: 1_500 });
  server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
});
after(() => server[Symbol.asyncDispose]());

/** Every error has OpenAI's shape, a request id and no internals. */
async function errorOf(response: Response) {
  const body = await response.text();
  const { error } = ErrorSchema.parse(JSON.parse(body));
  assert.match(response.headers.get('x-request-id') ?? '', /^[\w-]+$/);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  assert.doesNotMatch(body, /stack|node_modules|at \w+ \(|FST_ERR|Nest/);
  return { status: response.status, ...error };
}

async function stillServes(): Promise<void> {
  const response = await post(server, CHAT);
  assert.equal(response.status, 200);
  await response.text();
}

const JSON_TYPE = { 'content-type': 'application/json' };
const CHAT_PATH = '/v1/chat/completions';
const NESTED = `${'['.repeat(40_000)}${']'.repeat(40_000)}`;
const DEEP = `{"model":"assistant","messages":[{"role":"user","content":"x"}],"x":${NESTED}}`;

interface BadCase {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  readonly code: string;
  readonly param?: string;
  readonly message: RegExp;
}

const CASES: readonly BadCase[] = [
  { name: 'broken JSON', body: '{"model":', status: 400, code: 'invalid_request', message: /JSON/ },
  { name: 'an empty body', body: '', status: 400, code: 'invalid_request', message: /empty/ },
  { name: 'a list as body', body: '[]', status: 400, code: 'invalid_request', message: /object/ },
  {
    name: 'a forged prototype',
    body: '{"__proto__":{"a":1},"model":"assistant"}',
    status: 400,
    code: 'invalid_request',
    message: /JSON/,
  },
  {
    name: 'a wrong type deep inside',
    body: JSON.stringify({ ...CHAT, messages: [{ role: 'user', content: [{ type: 'text' }] }] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages[0].content[0].text',
    message: /is required/,
  },
  {
    name: 'no messages',
    body: JSON.stringify({ ...CHAT, messages: [] }),
    status: 400,
    code: 'invalid_request',
    param: 'messages',
    message: /must not be empty/,
  },
  {
    name: 'two answers at once',
    body: JSON.stringify({ ...CHAT, n: 2 }),
    status: 400,
    code: 'unsupported_parameter',
    param: 'n',
    message: /not|only/i,
  },
  {
    name: 'an unknown model, with at most five names of others',
    body: JSON.stringify({ ...CHAT, model: 'gpt' }),
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: /Available: assistant, coder, team\/writer, a, b and 2 more\.$/,
  },
  {
    name: 'a body over the limit, naming the limit',
    body: JSON.stringify({ ...CHAT, user: 'x'.repeat(100_000) }),
    status: 413,
    code: 'body_too_large',
    message: /100000 bytes/,
  },
  {
    name: 'another content type',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
    status: 415,
    code: 'unsupported_media_type',
    message: /application\/json/,
  },
  {
    name: 'a form',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'model=assistant',
    status: 415,
    code: 'unsupported_media_type',
    message: /application\/json/,
  },
  {
    name: 'an unknown route, without its query',
    method: 'GET',
    path: '/v1/nothing?key=PRIVATE',
    status: 404,
    code: 'unknown_route',
    message: /^There is no route GET \/v1\/nothing\.$/,
  },
  {
    name: 'a wrong method',
    method: 'GET',
    path: CHAT_PATH,
    status: 405,
    code: 'method_not_allowed',
    message: /only POST/,
  },
  {
    name: 'a wrong method on a model',
    method: 'DELETE',
    path: '/v1/models/team/writer',
    status: 405,
    code: 'method_not_allowed',
    message: /only GET, HEAD/,
  },
  {
    name: 'an unknown model in a path',
    method: 'GET',
    path: '/v1/models/team/nobody',
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: /no agent/,
  },
  {
    name: 'a path that cannot be decoded',
    method: 'GET',
    path: '/v1/%zz',
    status: 400,
    code: 'invalid_request',
    message: /URL/,
  },
];

describe('bad input', () => {
  for (const bad of CASES) {
    it(`answers ${bad.status} ${bad.code} to ${bad.name}`, async () => {
      const { method = 'POST', path = CHAT_PATH, headers = JSON_TYPE, body } = bad;
      const init = { method, ...(body === undefined ? {} : { body, headers }) };
      const response = await fetch(server.url + path, init);
      const error = await errorOf(response);
      assert.deepEqual(
        [error.status, error.code, error.param],
        [bad.status, bad.code, bad.param ?? null],
      );
      assert.match(error.message, bad.message);
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(response.headers.get('x-should-retry'), 'false');
      if (bad.status === 405) assert.ok(response.headers.get('allow') !== null);
      await stillServes();
    });
  }

  it('takes a body nested as deep as it fits through, or says that it is too deep', async () => {
    const deep = await startGateway();
    deep.runs.script = (run) => {
      // As the transport does.
      JSON.stringify(run.submission.chat);
      run.emit(STARTED, COMPLETED);
    };
    await using _ = deep;
    const response = await post(deep, DEEP);
    if (response.status === 200) return;
    const error = await errorOf(response);
    assert.deepEqual([error.status, error.code], [400, 'invalid_request']);
    assert.match(error.message, /too deeply/);
  });

  it('reads a body that comes one byte at a time', async () => {
    const client = new RawClient(server.port);
    const body = JSON.stringify(CHAT);
    client.socket.write(
      `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
    );
    for (const byte of body) {
      await new Promise<void>((resolve) => client.socket.write(byte, () => resolve()));
    }
    await client.closed;
    assert.match(client.received, /^HTTP\/1\.1 200 OK/);
  });

  it('answers 408 to a body that does not come, in the same shape, and closes', async () => {
    const ended = server.requestLine();
    const client = new RawClient(server.port);
    client.socket.write(
      `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\nx-request-id: slow-1\r\n` +
        'content-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    await client.closed;
    assert.match(client.received, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    assert.match(client.received, /\r\nx-should-retry: true\r\n/);
    assert.match(client.received, /\r\nx-request-id: slow-1\r\n/);
    const body: unknown = JSON.parse(client.received.split('\r\n\r\n')[1] ?? '');
    assert.equal(ErrorSchema.parse(body).error.code, 'request_timeout');
    const { status, outcome } = await ended;
    assert.deepEqual([status, outcome], [408, 'request_timeout']);
    await stillServes();
  });

  it('answers 431 to headers that are too large and 400 to bytes that are not HTTP', async () => {
    for (const [bytes, head, message] of [
      [`GET / HTTP/1.1\r\nhost: x\r\nlong: ${'x'.repeat(40_000)}\r\n\r\n`, '431', /too large/],
      ['hello\r\n\r\n', '400', /not valid HTTP/],
    ] as const) {
      const client = new RawClient(server.port);
      client.socket.write(bytes);
      await client.closed;
      assert.ok(client.received.startsWith(`HTTP/1.1 ${head} `), client.received);
      const body: unknown = JSON.parse(client.received.split('\r\n\r\n')[1] ?? '');
      const { error } = ErrorSchema.parse(body);
      assert.equal(error.code, head === '400' ? 'invalid_request' : 'headers_too_large');
      assert.match(error.message, message);
    }
    await stillServes();
  });

  it('survives a client that leaves in the middle of its body', async () => {
    const ended = server.requestLine();
    const client = new RawClient(server.port);
    client.socket.write(
      `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        'content-length: 100\r\n\r\n{',
    );
    // The server has the headers when it has answered another connection after them.
    await stillServes();
    client.socket.end();
    const lines = [await ended, await server.requestLine()];
    assert.deepEqual(
      lines.map(({ status }) => status),
      [200, 499],
    );
    assert.equal(lines[1]?.['outcome'], 'client_gone');
  });

  it('never writes a second answer into one that has begun', async () => {
    await using other = await startGateway();
    const submitted = other.runs.next();
    const client = new RawClient(other.port);
    client.chat({ ...CHAT, stream: true });
    (await submitted).emit(STARTED, text('Hi'));
    await client.until(/Hi/);
    client.socket.write('this is not HTTP\r\n\r\n');
    await client.closed;
    assert.doesNotMatch(client.received, /HTTP\/1\.1 400/);
    assert.equal(await (await submitted).cancelled.promise, 'client_gone');
  });
});

describe('the docs', () => {
  it('are served as a page and as JSON', async () => {
    const page = await fetch(`${server.url}/docs/`);
    assert.match(await page.text(), /swagger-ui-bundle\.js/);
    const document = (await (await fetch(`${server.url}/docs/json`)).json()) as { openapi: string };
    assert.match(document.openapi, /^3\.1/);
  });
});
