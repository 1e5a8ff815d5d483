/** What every answer carries, what pages of other origins may do, and whose address is believed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;
const PAGE = 'https://app.example.com';

before(async () => {
  server = await startGateway();
  server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
});
after(() => server[Symbol.asyncDispose]());

interface Case {
  readonly method?: string;
  readonly path: string;
  readonly body?: object;
}

const ANSWERS: Readonly<Record<string, Case>> = {
  'a model list': { path: '/v1/models' },
  'an answer': { method: 'POST', path: '/v1/chat/completions', body: CHAT },
  'a stream': { method: 'POST', path: '/v1/chat/completions', body: { ...CHAT, stream: true } },
  'a response': { method: 'POST', path: '/v1/responses', body: { model: 'assistant', input: 'x' } },
  'a refused body': { method: 'POST', path: '/v1/chat/completions', body: {} },
  'an unknown route': { path: '/v1/nothing' },
  'a wrong method': { method: 'DELETE', path: '/v1/models' },
  'a path that cannot be read': { path: '/v1/%zz' },
  'the pool': { path: '/v1/pool' },
  'a probe': { path: '/livez' },
  'the documentation': { path: '/docs' },
  'the document': { path: '/docs/json' },
};

function send({ method = 'GET', path, body }: Case, headers = {}): Promise<Response> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return fetch(server.url + path, { method, headers: { ...type, ...headers }, ...json });
}

describe('every answer', () => {
  for (const [name, one] of Object.entries(ANSWERS)) {
    it(`forbids guessing, keeping and framing, and names no software: ${name}`, async () => {
      const response = await send(one, { origin: PAGE });
      await response.text();
      const { headers } = response;
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.match(headers.get('cache-control') ?? '', /^no-store/);
      assert.match(headers.get('content-security-policy') ?? '', /default-src '(none|self)'/);
      assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
      assert.doesNotMatch(headers.get('content-security-policy') ?? '', /script-src|unsafe-eval/);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      for (const banner of ['server', 'x-powered-by', 'via']) {
        assert.equal(headers.get(banner), null, banner);
      }
      // Nobody has asked for other origins.
      const shared = [...headers.keys()].filter((key) => key.startsWith('access-control-'));
      assert.deepEqual(shared, []);
    });
  }

  it('does so too where there is no request', async () => {
    const client = new RawClient(server.port);
    client.socket.write('hello\r\n\r\n');
    await client.closed;
    assert.match(client.received, /\r\nx-content-type-options: nosniff\r\n/);
    assert.match(client.received, /\r\ncache-control: no-store\r\n/);
  });
});

describe('an expectation that nobody knows', () => {
  it('is ignored', async () => {
    const client = new RawClient(server.port);
    client.socket.write(
      'GET /livez HTTP/1.1\r\nhost: x\r\nexpect: tea\r\nconnection: close\r\n\r\n',
    );
    await client.closed;
    assert.match(client.received, /^HTTP\/1\.1 200 /);
  });
});

describe('pages of other origins', () => {
  const question = { 'access-control-request-method': 'POST' };

  it('are not answered before a request when none are allowed', async () => {
    const asked = { method: 'OPTIONS', path: '/v1/models' };
    const response = await send(asked, { origin: PAGE, ...question });
    assert.deepEqual([response.status, response.headers.get('allow')], [405, 'GET, HEAD']);
  });

  it('may call when their origin is on the list, to the letter', async () => {
    await using other = await startGateway({ http: { corsOrigins: [PAGE] } });
    const wanted = 'authorization, x-stainless-os, x-evil, content-type, x\u00e4';
    const ask = (origin: string) =>
      fetch(`${other.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: { origin, ...question, 'access-control-request-headers': wanted },
      });
    const { status, headers } = await ask(PAGE);
    assert.equal(status, 204);
    assert.equal(headers.get('access-control-allow-origin'), PAGE);
    assert.equal(headers.get('vary'), 'origin');
    assert.equal(headers.get('access-control-allow-credentials'), null);
    assert.equal(
      headers.get('access-control-allow-headers'),
      'authorization, x-stainless-os, content-type',
    );
    for (const near of [`${PAGE}.evil.com`, 'http://app.example.com', `${PAGE}:444`, 'null']) {
      const refused = await ask(near);
      assert.equal(refused.status, 405, near);
      assert.equal(refused.headers.get('access-control-allow-origin'), null, near);
    }
    const answer = await post(other, {}, { origin: PAGE });
    assert.equal(answer.headers.get('access-control-allow-origin'), PAGE);
    assert.match(answer.headers.get('access-control-expose-headers') ?? '', /x-request-id/);
  });
});

describe('the address of a client', () => {
  async function seen(gateway: TestGateway, headers: Record<string, string>): Promise<unknown> {
    const line = gateway.requestLine();
    await (await fetch(`${gateway.url}/v1/models`, { headers })).text();
    return (await line)['client'];
  }
  const forged = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' };

  it('is that of the connection, whatever the request says', async () => {
    assert.equal(await seen(server, forged), '127.0.0.1');
  });

  it('is what a trusted proxy says, and never what its client says', async () => {
    await using behind = await startGateway({
      http: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] },
    });
    assert.equal(await seen(behind, { forwarded: 'for=203.0.113.9' }), '127.0.0.1');
    assert.equal(await seen(behind, forged), '203.0.113.9');
    const through = { 'x-forwarded-for': '1.1.1.1, 198.51.100.7:4711, 10.1.2.3' };
    assert.equal(await seen(behind, through), '198.51.100.7');
    assert.equal(await seen(behind, { 'x-forwarded-for': 'x"y\t, <script>' }), '127.0.0.1');
  });
});
