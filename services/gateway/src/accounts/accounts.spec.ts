import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { ConfigError, readConfig } from '@switchboard/platform/config';
import { leakGuard, until } from '@switchboard/testkit';
import fc from 'fast-check';
import { ownerOf } from './local-owner.ts';
import { AUDIENCE, Issuer, KeySetServer } from '../../test/issuer.ts';
import { Accounts } from './accounts.ts';
import type { StoredKey } from './key-file.ts';
import { ACCOUNT_OPTIONS } from './options.ts';

const KEY = 'sk-sb-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
let folder: string;
let path: string;
let lines: string[] = [];
const opened: Accounts[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'accounts-'));
  path = join(folder, 'keys.json');
});
afterEach(() => {
  for (const accounts of opened.splice(0)) accounts.close();
});
after(async () => await rm(folder, { recursive: true }));

function keyEntry(name: string, key: string, more: Partial<StoredKey> = {}): StoredKey {
  return { name, sha256: hash('sha256', key), createdAt: '2026-01-01T00:00:00Z', ...more };
}

async function writeKeys(...keys: readonly StoredKey[]): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify({ keys }));
  await rename(`${path}.new`, path);
}

async function open(env: Record<string, string> = { KEYS_FILE: path }): Promise<Accounts> {
  const say = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log = { info: say, warn: say, error: say };
  const times = { pollIntervalMs: 1, cooldownMs: 0 };
  const accounts = await Accounts.open(readConfig(ACCOUNT_OPTIONS, env), log, times);
  opened.push(accounts);
  return accounts;
}

async function codeOf(accounts: Accounts, key: string | undefined): Promise<string> {
  try {
    const header = key === undefined ? undefined : `Bearer ${key}`;
    return (await accounts.authenticate(header)).id;
  } catch (thrown) {
    assert.ok(thrown instanceof SwitchboardError, String(thrown));
    return thrown.code;
  }
}

it('without keys everybody is the local caller, and owns what its unverified key owned', async () => {
  const accounts = await open({});
  assert.equal(accounts.configured, false);
  for (const header of [undefined, '', 'Bearer a', 'Basic b', 'Bearer a b']) {
    const caller = await accounts.authenticate(header);
    assert.deepEqual([caller.id, caller.owner], ['local', ownerOf(header)]);
    assert.deepEqual([...caller.scopes], ['api', 'admin', 'act_for_users']);
  }
});

it('with keys each header is its key, or its refusal', async () => {
  await writeKeys(
    keyEntry('alice', KEY, { user: 'a', tenant: 't', scopes: ['admin'], priority: 'high' }),
    keyEntry('off', 'off', { disabled: true }),
    keyEntry('late', 'late', { expiresAt: '2026-01-02T00:00:00Z' }),
  );
  const accounts = await open();
  assert.equal(accounts.configured, true);
  const caller = await accounts.authenticate(`Bearer ${KEY}`);
  assert.deepEqual(
    { ...caller, scopes: [...caller.scopes], owner: '' },
    {
      id: 'key:alice',
      name: 'alice',
      user: 'a',
      tenant: 't',
      scopes: ['admin'],
      priority: 'high',
      limits: {},
      owner: '',
    },
  );
  const cases: readonly (readonly [key: string | undefined, code: string])[] = [
    [undefined, 'missing_api_key'],
    ['off', 'invalid_api_key'],
    ['late', 'invalid_api_key'],
    ['other', 'invalid_api_key'],
    [hash('sha256', KEY), 'invalid_api_key'],
    ['a.b.c', 'invalid_api_key'],
  ];
  for (const [key, code] of cases) assert.equal(await codeOf(accounts, key), code, code);
});

it('an empty file of keys lets nobody in', async () => {
  await writeKeys();
  const accounts = await open();
  assert.equal(accounts.configured, true);
  assert.equal(await codeOf(accounts, KEY), 'invalid_api_key');
});

it('a start with broken files names every problem, and no key', async () => {
  await writeFile(path, JSON.stringify({ keys: [{ name: 'a', sha256: KEY }] }));
  const env = {
    KEYS_FILE: path,
    JWT_ISSUER: 'https://a',
    JWT_AUDIENCE: 'b',
    JWKS_FILE: join(folder, 'none.json'),
  };
  await assert.rejects(open(env), (error) => {
    assert.ok(error instanceof ConfigError);
    const starts = error.problems.map((line) => line.split(': ').slice(0, 3).join(': '));
    assert.deepEqual(starts.slice(0, 2), [
      'KEYS_FILE: key "a": sha256',
      'KEYS_FILE: key "a": createdAt',
    ]);
    assert.match(error.problems[2] ?? '', /^JWKS_FILE: the file cannot be read/);
    return !error.message.includes(KEY);
  });
});

it('a good key is never refused while other keys come, go and break the file', async () => {
  await writeKeys(keyEntry('alice', KEY));
  const accounts = await open();
  let refused = 0;
  let asked = 0;
  let over = false;
  const asking = Array.from({ length: 8 }, async () => {
    while (!over) {
      if ((await codeOf(accounts, KEY)) !== 'key:alice') refused += 1;
      asked += 1;
      await new Promise(setImmediate);
    }
  });
  for (let change = 0; change < 30; change += 1) {
    await writeKeys(keyEntry('alice', KEY), keyEntry('bob', `bob ${change}`.replace(' ', '-')));
    await until(async () => (await codeOf(accounts, `bob-${change}`)) === 'key:bob', {
      what: 'the next table',
    });
    // In place, as an editor writes: for a moment the file is empty, then half.
    await writeFile(path, '{"keys":');
  }
  over = true;
  await Promise.all(asking);
  assert.equal(refused, 0, `of ${asked}`);
  assert.ok(asked > 30);
});

it('a key that is disabled or removed ends without a restart', async () => {
  await writeKeys(keyEntry('alice', KEY), keyEntry('bob', 'bob'));
  const accounts = await open();
  assert.equal(await codeOf(accounts, KEY), 'key:alice');
  await writeKeys(keyEntry('alice', KEY, { disabled: true }), keyEntry('bob', 'bob'));
  await until(async () => (await codeOf(accounts, KEY)) === 'invalid_api_key');
  assert.equal(await codeOf(accounts, 'bob'), 'key:bob');
  await writeKeys();
  await until(async () => (await codeOf(accounts, 'bob')) === 'invalid_api_key');
});

it('keys and tokens of two issuers open the same door, each its own', async () => {
  const issuers = [new Issuer('https://one.test'), new Issuer('https://two.test')];
  const servers = issuers.map((issuer) => new KeySetServer(() => issuer.keySet));
  for (const [at, issuer] of issuers.entries()) {
    await issuer.addKey('k');
    await servers[at]?.start();
  }
  await writeKeys(keyEntry('alice', KEY));
  const accounts = await open({
    KEYS_FILE: path,
    JWT_ISSUER: 'https://one.test,https://two.test',
    JWT_AUDIENCE: AUDIENCE,
    JWKS_URL: servers.map(({ url }) => url).join(','),
  });
  assert.equal(await codeOf(accounts, KEY), 'key:alice');
  const [one, two] = issuers;
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(await codeOf(accounts, await one.token('k')), 'jwt:https://one.test#default/alice');
  assert.equal(await codeOf(accounts, await two.token('k')), 'jwt:https://two.test#default/alice');
  const crossed = await one.token('k', { iss: 'https://two.test' });
  assert.equal(await codeOf(accounts, crossed), 'invalid_api_key');
  await Promise.all(servers.map((server) => server.stop()));
  assert.equal(await codeOf(accounts, await one.token('k')), 'jwt:https://one.test#default/alice');
});

it('a signature of a kind that is never accepted does not even make anybody look for its key', async () => {
  const issuer = new Issuer();
  await issuer.addKey('k');
  const server = new KeySetServer(() => issuer.keySet);
  await server.start();
  const accounts = await open({
    JWT_ISSUER: issuer.name,
    JWT_AUDIENCE: AUDIENCE,
    JWKS_URL: server.url,
  });
  assert.match(await codeOf(accounts, await issuer.token('k')), /^jwt:/);
  const claims = Buffer.from(JSON.stringify({ iss: issuer.name })).toString('base64url');
  for (const [alg, fetches] of [
    ['none', 1],
    ['HS256', 1],
    ['ES256K', 1],
    ['ES256', 2],
  ] as const) {
    const header = Buffer.from(JSON.stringify({ alg, kid: 'other' })).toString('base64url');
    assert.equal(await codeOf(accounts, `${header}.${claims}.AAAA`), 'invalid_api_key');
    assert.equal(server.fetches, fetches, alg);
  }
  await server.stop();
});

it('no header that anybody can think of gets in, or ends otherwise than in a refusal', async () => {
  const issuer = new Issuer();
  await issuer.addKey('k');
  const keysPath = join(folder, 'jwks.json');
  await writeFile(keysPath, JSON.stringify(issuer.keySet));
  await writeKeys(keyEntry('alice', KEY));
  lines = [];
  const accounts = await open({
    KEYS_FILE: path,
    JWT_ISSUER: issuer.name,
    JWT_AUDIENCE: AUDIENCE,
    JWKS_FILE: keysPath,
  });
  const token = await issuer.token('k');
  await fc.assert(
    fc.asyncProperty(headers(token), async (header) => {
      const given = /^bearer +(\S+)$/i.exec(header.trim())?.[1] ?? '';
      const good = given === KEY || isSameToken(given, token);
      try {
        await accounts.authenticate(header);
        assert.ok(good, 'got in');
      } catch (thrown) {
        assert.ok(thrown instanceof SwitchboardError, String(thrown));
        assert.ok(!good, 'was kept out');
        assert.match(thrown.code, /^(missing|invalid)_api_key$/);
      }
    }),
    { numRuns: 2_000 },
  );
  assert.deepEqual(lines, [], 'nothing was unforeseen');
});

/** The last character of a signature has bits that mean nothing: other ones are the same. */
function isSameToken(given: string, token: string): boolean {
  const [signed, signature] = [given.lastIndexOf('.') + 1, token.lastIndexOf('.') + 1];
  if (given.slice(0, signed) !== token.slice(0, signature) || !/^[\w.-]+$/.test(given))
    return false;
  const [one, other] = [given.slice(signed), token.slice(signature)];
  return Buffer.from(one, 'base64url').equals(Buffer.from(other, 'base64url'));
}

/** Arbitrary text, and good credentials with something changed. */
function headers(token: string): fc.Arbitrary<string> {
  const base64 = fc.base64String().map((text) => text.replaceAll('=', ''));
  const json = fc.json().map((text) => Buffer.from(text).toString('base64url'));
  const header = fc
    .record({
      alg: fc.constantFrom('none', 'HS256', 'ES256', 'EdDSA', '', 5),
      kid: fc.oneof(fc.constantFrom('k', '__proto__'), fc.string(), fc.integer()),
      crit: fc.option(fc.array(fc.string()), { nil: undefined }),
      b64: fc.option(fc.boolean(), { nil: undefined }),
    })
    .map((fields) => Buffer.from(JSON.stringify(fields)).toString('base64url'));
  const [, payload = '', signature = ''] = token.split('.');
  const part = fc.oneof(base64, json, header, fc.constant(payload), fc.constant(signature));
  const crafted = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
  const damaged = fc
    .tuple(fc.constantFrom(KEY, token), fc.nat(), fc.string({ maxLength: 3 }), fc.nat(3))
    .map(([good, at, text, cut]) => {
      const place = at % (good.length + 1);
      return good.slice(0, place) + text + good.slice(place + cut);
    });
  const scheme = fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', '');
  const any = fc
    .uint8Array({ maxLength: 300 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'));
  return fc.tuple(scheme, fc.oneof(any, crafted, damaged)).map((parts) => parts.join(''));
}

leakGuard();
