/** Keys and tokens that come, change and go while two gateways run. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import { KeyRing } from '../key-ring.ts';
import { TokenIssuer } from '../token-issuer.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const QUICK = chatBody('sim/tokens=1');

const ring = new KeyRing();
let issuer: TokenIssuer;
let test: TestStack;
let urls: readonly string[] = [];

before(async () => {
  issuer = await TokenIssuer.start();
  issuer.show('first');
  await ring.add('alice');
  await ring.add('bob');
  const keys = { KEYS_FILE: ring.file, ...issuer.environment, JWKS_REFRESH_MS: '10000' };
  test = await TestStack.start({ gateways: 2, gatewayEnv: { ...keys, LOG_LEVEL: 'debug' } });
  urls = test.stack.gateways.map(({ url }) => url);
});
after(async () => {
  await test.stop();
  await issuer[Symbol.asyncDispose]();
  await ring[Symbol.asyncDispose]();
});

async function statusAt(url: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${url}/v1/models`, { headers });
  await response.body?.cancel();
  return response.status;
}

/** Waits until both gateways answer like this. */
async function untilBoth(status: number, headers: () => Record<string, string>): Promise<void> {
  for (const url of urls) {
    const what = `a ${status} of ${url}`;
    const answers = async () => (await statusAt(url, headers())) === status;
    await until(answers, { what, timeoutMs: PATIENCE_MS, intervalMs: 50 });
  }
}

const brokenFile = (): number =>
  test.printed.filter(({ text }) => text.includes('"a file is broken')).length;

it('a key that is made is accepted at once by both, without a restart', async () => {
  await ring.add('carol');
  await untilBoth(200, () => ring.headers('carol'));
});

it('a disabled key is refused in a moment, and its open stream goes on', async (context) => {
  const [url = ''] = urls;
  const headers = ring.headers('bob');
  const stream = await chat(url, chatBody('sim/tokens=160,pace=50ms', { stream: true }), {
    headers,
  });
  assert.equal(stream.status, 200);
  let over = false;
  const answer = readAnswer(stream).finally(() => {
    over = true;
  });
  await ring.disable('bob');
  const disabledAtMs = performance.now();
  await untilBoth(401, () => headers);
  context.diagnostic(`refused after ${Math.round(performance.now() - disabledAtMs)} ms`);
  assert.equal(over, false, 'the stream outlives the key');
  assert.equal((await answer).complete, true);
  assert.equal((await ask(url, QUICK, { headers })).error?.code, 'invalid_api_key');
});

it('a broken file keeps the keys of the last good one, and says so once', async () => {
  const good = await ring.read();
  await ring.write(good.slice(0, -10));
  const said = () => brokenFile() === urls.length;
  await until(said, { what: 'both complaints', timeoutMs: PATIENCE_MS });
  for (const url of urls) assert.equal(await statusAt(url, ring.headers('alice')), 200);
  await ring.write(good);
  await ring.add('dave');
  await untilBoth(200, () => ring.headers('dave'));
  assert.equal(brokenFile(), urls.length);
});

it('a key ends when its time is over', async () => {
  await ring.add('guest');
  await untilBoth(200, () => ring.headers('guest'));
  const { keys } = JSON.parse(await ring.read()) as { keys: { name: string }[] };
  const expiresAt = new Date(Date.now() + 3_000).toISOString();
  const ending = keys.map((key) => (key.name === 'guest' ? { ...key, expiresAt } : key));
  await ring.write(JSON.stringify({ keys: ending }));
  await untilBoth(401, () => ring.headers('guest'));
  const { error } = await ask(urls[0] ?? '', QUICK, { headers: ring.headers('guest') });
  assert.match(error?.message ?? '', /has expired/);
});

it("a token of a new key is accepted at once, and a withdrawn key's no longer", async () => {
  const old = issuer.headers('first', 'erin');
  await untilBoth(200, () => old);
  issuer.show('second');
  issuer.withdraw('first');
  await untilBoth(200, () => issuer.headers('second', 'erin'));
  // Also one that was seen before.
  await untilBoth(401, () => old);
  assert.equal(await statusAt(urls[0] ?? '', issuer.headers('second', 'erin')), 200);
});

it('stored responses belong to the user of key or token, at every gateway', async () => {
  await ring.add('alice-2', '--user', 'alice');
  await ring.add('alice-elsewhere', '--user', 'alice', '--tenant', 'other');
  await untilBoth(200, () => ring.headers('alice-elsewhere'));
  const [first = '', second = ''] = urls;
  const made = await fetch(`${first}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...ring.headers('alice') },
    body: JSON.stringify({ model: 'sim/tokens=40,pace=50ms', input: 'Hello', background: true }),
  });
  const { id } = (await made.json()) as { id: string };
  const statusOf = async (headers: Record<string, string>, rest = '', method = 'GET') => {
    const response = await fetch(`${second}/v1/responses/${id}${rest}`, { method, headers });
    await response.body?.cancel();
    return response.status;
  };
  for (const who of [ring.headers('alice-elsewhere'), issuer.headers('second', 'alice')]) {
    for (const rest of ['', '?stream=true', '?stream=true&starting_after=1', '/input_items']) {
      assert.equal(await statusOf(who, rest), 404, rest);
    }
    assert.equal(await statusOf(who, '/cancel', 'POST'), 404);
    assert.equal(await statusOf(who, '', 'DELETE'), 404);
  }
  assert.equal(await statusOf(ring.headers('alice-2')), 200);
  assert.equal(await statusOf(ring.headers('alice-2'), '', 'DELETE'), 200);
});

it('no key and no token is in a line of any process', () => {
  const printed = test.printed.map(({ text }) => text).join('\n');
  assert.ok(test.printed.length > 100);
  assert.ok(!ring.secrets.some((secret) => printed.includes(secret)));
  assert.ok(!/sk-sb-|eyJ|Bearer [\w-]/.test(printed));
});

leakGuard();
