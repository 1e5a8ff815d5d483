/** Every route and whoever knocks at it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CREDENTIALS, KINDS, startGuardedGateway } from './guarded-gateway.ts';
import type { GuardedGateway } from './guarded-gateway.ts';
import { CHAT } from './harness.ts';

type Statuses = readonly [number, number, number, number, number, number, number];

const open = (status: number): Statuses => [status, status, status, status, status, status, status];
/** `other`: for the same user of another tenant. */
const closed = (other: number, good: number): Statuses => [401, 401, 401, 401, 403, other, good];

/** Every route of the router, in the order of CREDENTIALS. */
const ROUTES: Readonly<Record<string, Statuses>> = {
  'POST /v1/chat/completions': closed(200, 200),
  'POST /v1/responses': closed(200, 200),
  'GET /v1/responses/:id': closed(404, 200),
  'HEAD /v1/responses/:id': closed(404, 200),
  'DELETE /v1/responses/:id': closed(404, 200),
  'GET /v1/responses/:id/input_items': closed(404, 200),
  'HEAD /v1/responses/:id/input_items': closed(404, 200),
  'POST /v1/responses/:id/cancel': closed(404, 200),
  'GET /v1/models': closed(200, 200),
  'HEAD /v1/models': closed(200, 200),
  'GET /v1/models/*': closed(200, 200),
  'HEAD /v1/models/*': closed(200, 200),
  'GET /v1/pool': closed(200, 200),
  'HEAD /v1/pool': closed(200, 200),
  'GET /livez': open(200),
  'HEAD /livez': open(200),
  'GET /readyz': open(200),
  'HEAD /readyz': open(200),
  'GET /docs': open(200),
  'HEAD /docs': open(200),
  'GET /docs/:name': open(200),
  'HEAD /docs/:name': open(200),
};

/** What the router does not have. Without a key nobody learns which of it there is. */
const NO_ROUTES: Readonly<Record<string, Statuses>> = {
  'GET /': closed(404, 404),
  'GET /nowhere': closed(404, 404),
  'GET /metrics': closed(404, 404),
  'GET /v1': closed(404, 404),
  'GET /v1/chat/completions': closed(405, 405),
  'HEAD /v1/chat/completions': closed(405, 405),
  'OPTIONS /v1/chat/completions': closed(405, 405),
  'OPTIONS /v1/nowhere': closed(404, 404),
  'PUT /v1/responses/:id': closed(404, 404),
  'DELETE /v1/models': closed(405, 405),
  'POST /v1/pool': closed(405, 405),
  'POST /livez': closed(405, 405),
  'DELETE /docs': closed(405, 405),
  'GET /docs/one/two': closed(404, 404),
  'GET /livez/x': closed(404, 404),
  'GET //v1//models/': closed(200, 200),
  'GET /docs/..%2fv1%2fmodels': open(404),
  'GET /V1/models': closed(404, 404),
};

let gateway: GuardedGateway;
before(async () => {
  gateway = await startGuardedGateway();
});
after(async () => await gateway[Symbol.asyncDispose]());

const JSON_HEADERS = { 'content-type': 'application/json' };

/** The id of a response that `good` has stored. */
async function storedBy(headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${gateway.server.url}/v1/responses`, {
    method: 'POST',
    headers: { ...JSON_HEADERS, ...headers },
    body: JSON.stringify({ model: 'assistant', input: 'Hello', background: true }),
  });
  assert.equal(response.status, 200);
  return ((await response.json()) as { id: string }).id;
}

async function knock(route: string, id: string, headers: Record<string, string>) {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replace(':id', id).replace(':name', 'json').replace('*', 'a');
  const body = path.endsWith('responses') ? { model: 'a', input: 'Hi', store: false } : CHAT;
  return await fetch(`${gateway.server.url}${path}`, {
    method,
    headers: method === 'POST' ? { ...JSON_HEADERS, ...headers } : headers,
    ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
  });
}

const CODES: Readonly<Record<number, string>> = { 403: 'insufficient_scope' };

for (const kind of KINDS) {
  describe(`with a ${kind}`, () => {
    for (const [route, statuses] of Object.entries({ ...ROUTES, ...NO_ROUTES })) {
      it(`${route} answers ${statuses.join(' ')}`, async () => {
        const id = await storedBy(gateway.headers(kind, 'good'));
        for (const [at, credential] of CREDENTIALS.entries()) {
          const response = await knock(route, id, gateway.headers(kind, credential));
          const text = await response.text();
          assert.equal(response.status, statuses[at], `${credential}: ${text}`);
          assert.ok(!gateway.secrets.some((secret) => text.includes(secret)));
          if (response.status !== 401 && response.status !== 403) continue;
          assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer /);
          if (route.startsWith('HEAD')) continue;
          const missing = credential === 'no key' ? 'missing_api_key' : 'invalid_api_key';
          const { error } = JSON.parse(text) as { error: { code: string } };
          assert.equal(error.code, CODES[response.status] ?? missing);
        }
      });
    }
  });
}

it('the table has every route of the router, and no other', () => {
  assert.deepEqual([...gateway.server.gateway.routes].toSorted(), Object.keys(ROUTES).toSorted());
});

it('a body of somebody unknown is not read, however it is wrong', async () => {
  for (const body of ['{', 'x'.repeat(200_000)]) {
    const response = await fetch(`${gateway.server.url}/v1/responses`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body,
    });
    assert.equal(response.status, 401);
  }
});

it('two keys at once are none', async () => {
  const { authorization = '' } = gateway.headers('key', 'good');
  const twice = await fetch(`${gateway.server.url}/v1/models`, {
    headers: { authorization: `${authorization}, ${authorization}` },
  });
  assert.equal(twice.status, 401);
});

it('no key and no token is in a log line', () => {
  const log = JSON.stringify(gateway.server.lines);
  assert.ok(gateway.server.lines.length > 500);
  assert.ok(!gateway.secrets.some((secret) => log.includes(secret)));
  assert.ok(!/Bearer |sk-sb-|eyJ/.test(log));
});
