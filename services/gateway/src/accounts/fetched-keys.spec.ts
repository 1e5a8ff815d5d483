import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import { errors } from 'jose';
import { Issuer, KeySetServer } from '../../test/issuer.ts';
import { FetchedKeys } from './fetched-keys.ts';
import type { FetchedKeysOptions } from './fetched-keys.ts';

const issuer = new Issuer();
const later = new Issuer();
const TOKEN = { payload: '', signature: '' };
let server: KeySetServer;
let keys: FetchedKeys | undefined;
let lines: string[];

before(async () => {
  await issuer.addKey('one');
  await later.addKey('two');
});

beforeEach(async () => {
  server = new KeySetServer(() => issuer.keySet);
  await server.start();
  lines = [];
});

afterEach(async () => {
  keys?.close();
  await server.stop();
});

function open(change: Partial<FetchedKeysOptions> = {}): FetchedKeys {
  const say = (_: object, message: string) => void lines.push(message);
  keys = new FetchedKeys({
    url: server.url,
    issuer: issuer.name,
    refreshMs: 3_600_000,
    cooldownMs: 0,
    timeoutMs: 5_000,
    log: { info: say, warn: say, error: say },
    ...change,
  });
  return keys;
}

async function find(source: FetchedKeys, kid: string): Promise<string> {
  try {
    await source.key({ alg: 'ES256', kid }, TOKEN);
    return 'found';
  } catch (thrown) {
    if (thrown instanceof errors.JWKSNoMatchingKey) return 'unknown';
    assert.ok(thrown instanceof SwitchboardError, String(thrown));
    return thrown.code;
  }
}

it('the first tokens wait for the first fetch, all for the same', async () => {
  const source = open();
  const found = await Promise.all(['one', 'one', 'one'].map(async (kid) => find(source, kid)));
  assert.deepEqual(found, ['found', 'found', 'found']);
  assert.equal(server.fetches, 1);
});

it('a key that the issuer has added is found at once', async () => {
  const source = open();
  assert.equal(await find(source, 'one'), 'found');
  server.answer = () => ({ status: 200, body: JSON.stringify(later.keySet) });
  assert.equal(await find(source, 'two'), 'found');
  assert.equal(await find(source, 'one'), 'unknown', 'withdrawn');
});

it('invented key ids do not make the gateway hammer the issuer', async () => {
  const source = open({ cooldownMs: 3_600_000 });
  assert.equal(await find(source, 'one'), 'found');
  for (let kid = 0; kid < 50; kid += 1) assert.equal(await find(source, `${kid}`), 'unknown');
  assert.equal(server.fetches, 1);
});

it('while the issuer is away known keys are used, and for others nobody can tell', async () => {
  const source = open();
  assert.equal(await find(source, 'one'), 'found');
  await server.stop();
  assert.equal(await find(source, 'two'), 'auth_unavailable');
  assert.equal(await find(source, 'one'), 'found');
  assert.ok(lines.some((line) => line.includes('the last one stays in use')));
  await server.start();
  assert.equal(await find(source, 'two'), 'unknown');
});

it('an issuer that is away at the start is found when it comes', async () => {
  await server.stop();
  const source = open();
  assert.equal(await find(source, 'one'), 'auth_unavailable');
  await server.start();
  assert.equal(await find(source, 'one'), 'found');
});

it('the set is fetched regularly, so that a withdrawn key ends without being asked for', async () => {
  const source = open({ refreshMs: 5 });
  assert.equal(await find(source, 'one'), 'found');
  const first = source.current;
  await until(() => server.fetches > 2, { what: 'regular fetches' });
  assert.equal(source.current, first, 'the same text is the same set');
  server.answer = () => ({ status: 200, body: JSON.stringify(later.keySet) });
  await until(() => source.current?.has('two') === true, { what: 'the new set' });
  assert.ok(!source.current?.has('one'));
});

it('an answer that is wrong, too large, elsewhere or never comes leaves the last set', async () => {
  const source = open();
  assert.equal(await find(source, 'one'), 'found');
  const good = JSON.stringify(later.keySet);
  const elsewhere = new KeySetServer(() => later.keySet);
  await elsewhere.start();
  const answers: readonly (typeof server.answer)[] = [
    () => ({ status: 500, body: good }),
    () => ({ status: 200, body: 'not json' }),
    () => ({ status: 200, body: '{"keys":[]}' }),
    () => ({ status: 200, body: good.padEnd(300 * 1_024) }),
    () => ({ status: 302, body: '', headers: { location: elsewhere.url } }),
  ];
  for (const answer of answers) {
    server.answer = answer;
    assert.equal(await find(source, 'two'), 'auth_unavailable', answer.toString());
    assert.equal(await find(source, 'one'), 'found');
  }
  for (const line of lines) assert.ok(!line.includes('not json'));
  assert.equal(elsewhere.fetches, 0);
  await elsewhere.stop();
});

it('an issuer that does not answer is given up', async () => {
  server.hang = true;
  const source = open({ timeoutMs: 50 });
  assert.equal(await find(source, 'one'), 'auth_unavailable');
});

leakGuard();
