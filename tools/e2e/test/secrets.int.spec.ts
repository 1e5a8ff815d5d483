/** A word in every place of a request where a secret may stand, and where it must never turn up. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { KeyRing } from '../key-ring.ts';
import { RawClient } from '../raw-client.ts';
import { TestStack } from '../test-stack.ts';
import { TokenIssuer } from '../token-issuer.ts';

const CANARY = /CANARY-[a-z]+/;
const CHAT = '/v1/chat/completions';
const ring = new KeyRing();
let issuer: TokenIssuer;
let test: TestStack;
let key: string;
let good: Record<string, string>;
/** What was answered with an error. */
const refusals: string[] = [];

before(async () => {
  issuer = await TokenIssuer.start();
  issuer.show('first');
  key = await ring.add('alice');
  good = ring.headers('alice');
  const level = { LOG_LEVEL: 'trace' };
  test = await TestStack.start({
    gatewayEnv: { ...level, KEYS_FILE: ring.file, ...issuer.environment },
    workerEnv: { ...level, OPENAI_API_KEY: 'CANARY-provider' },
  });
});
after(async () => {
  await test.stop();
  await issuer[Symbol.asyncDispose]();
  await ring[Symbol.asyncDispose]();
});

async function send(path: string, headers: Record<string, string>, body?: string): Promise<number> {
  const response = await fetch(test.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (!response.ok || text.includes('"error":{')) {
    refusals.push(`${response.status} ${[...response.headers].join()} ${text}`);
  }
  return response.status;
}

function chat(model: string, fields: object = {}): string {
  const messages = [{ role: 'user', content: 'CANARY-prompt' }];
  return JSON.stringify({ model, messages, user: 'CANARY-user', ...fields });
}

/** Three parts, each of which says something. */
function jwt(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [part({ alg: 'RS256', kid: 'CANARY-kid' }), part({ sub: 'CANARY-sub' }), 'Q0FOQVJZ'].join(
    '.',
  );
}

describe('a secret', () => {
  it('is in no log line of any process and in no error, wherever it stood', async () => {
    const long = 'CANARY-long'.repeat(4_000);
    const token = jwt();
    const sent: readonly Promise<number>[] = [
      // In the header that is for it, wrong in every way.
      send('/v1/models', { authorization: 'Bearer CANARY-key' }),
      send('/v1/models', { authorization: `Bearer ${key}CANARY-tail` }),
      send('/v1/models', { authorization: 'Basic CANARY-basic' }),
      send('/v1/models', { authorization: `Bearer ${token}` }),
      send('/v1/models', { authorization: `Bearer ${token.slice(0, -9)}CANARY-signature` }),
      // In other headers.
      send('/v1/models', { 'x-api-key': 'CANARY-header', cookie: 'CANARY-cookie' }),
      send(CHAT, { ...good, 'idempotency-key': 'CANARY-idempotency' }, chat('sim/error=400')),
      send(CHAT, { ...good, 'x-request-deadline': 'CANARY-deadline' }, chat('sim/tokens=1')),
      send(CHAT, { ...good, 'last-event-id': 'CANARY-event' }, chat('sim/tokens=1')),
      send(CHAT, { ...good, 'content-type': 'text/CANARY-type' }, chat('sim/tokens=1')),
      send(CHAT, { ...good, 'user-agent': 'CANARY-agent' }, chat('sim/tokens=1')),
      // In the address.
      send('/v1/models?api_key=CANARY-query', {}),
      send(`/v1/models?api_key=CANARY-query`, good),
      send(`/v1/nothing?key=CANARY-query`, good),
      send(`/v1/models?${long.slice(0, 9_000)}`, good),
      // In bodies that are refused, and in those that fail later.
      send(CHAT, good, '{"model":"assistant","messages":[{"content":"CANARY-json'),
      send(CHAT, good, chat('sim/tokens=1', { temperature: 'CANARY-field' })),
      send(CHAT, good, chat('sim/tokens=1', { messages: [{ role: 'CANARY-role' }] })),
      send(CHAT, good, chat('sim/tokens=1', { n: 2, tools: 'CANARY-tools' })),
      send(CHAT, good, chat('sim/error=400')),
      send(CHAT, good, chat('sim/error=500')),
      send(CHAT, good, chat('sim/error=401')),
      send(CHAT, good, chat('sim/text=echo,tokens=9,malformed=3')),
      send(
        '/v1/responses',
        good,
        JSON.stringify({ model: 'sim/error=400', input: 'CANARY-input' }),
      ),
      send(
        '/v1/responses',
        good,
        JSON.stringify({ model: 'sim/tokens=1', input: { a: 'CANARY-a' } }),
      ),
      send(CHAT, good, chat('sim/tokens=1')),
    ];
    const statuses = new Set(await Promise.all(sent));
    for (const status of [200, 400, 401, 404, 414, 415, 502])
      assert.ok(statuses.has(status), String(status));
    for (const bytes of [
      `GET /v1/CANARY-raw HTTP/1.1\r\nhost: x\r\nCANARY-name : x\r\n\r\n`,
      `GET / HTTP/1.1\r\nhost: x\r\nauthorization: ${long}\r\n\r\n`,
      `CANARY-method / HTTP/1.1\r\nhost: x\r\n\r\n`,
    ]) {
      const client = await RawClient.open(test.url);
      client.write(bytes);
      await client.closed;
      refusals.push(client.received);
    }
    assert.ok(refusals.length >= 20, `${refusals.length} refusals`);
    for (const refusal of refusals) {
      assert.doesNotMatch(refusal, CANARY);
      assert.ok(!refusal.includes(key), refusal);
    }
    await test.idle();
    await test.stop();
    for (const { process, text } of test.printed) {
      assert.doesNotMatch(text, CANARY, process);
      for (const secret of [key, token]) assert.ok(!text.includes(secret), `${process}: ${text}`);
    }
    assert.ok(test.printed.some(({ text }) => text.includes('"request"')));
  });
});

leakGuard();
