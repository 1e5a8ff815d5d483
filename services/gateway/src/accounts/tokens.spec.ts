import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { readConfig } from '@switchboard/platform/config';
import { leakGuard, until } from '@switchboard/testkit';
import { SignJWT, UnsecuredJWT } from 'jose';
import { AUDIENCE, Issuer } from '../../test/issuer.ts';
import { Accounts } from './accounts.ts';
import { ACCOUNT_OPTIONS } from './options.ts';

const quiet = { info() {}, warn() {}, error() {} };
const issuer = new Issuer();
const foreign = new Issuer();
let folder: string;
let accounts: Accounts;
let nowMs = Date.now();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokens-'));
  await issuer.addKey('ec', 'ES256');
  await issuer.addKey('rsa', 'RS256');
  await issuer.addKey('ed', 'EdDSA');
  await foreign.addKey('ec', 'ES256');
  await writeKeys();
  accounts = await open();
});

after(async () => {
  accounts.close();
  await rm(folder, { recursive: true });
});

async function writeKeys(): Promise<void> {
  await writeFile(join(folder, 'jwks.json'), JSON.stringify(issuer.keySet));
}

async function open(more: Record<string, string> = {}): Promise<Accounts> {
  const env = {
    JWT_ISSUER: issuer.name,
    JWT_AUDIENCE: AUDIENCE,
    JWKS_FILE: join(folder, 'jwks.json'),
    ...more,
  };
  const times = { pollIntervalMs: 5, now: () => nowMs };
  return await Accounts.open(readConfig(ACCOUNT_OPTIONS, env), quiet, times);
}

async function refusalOf(token: string, by = accounts): Promise<string> {
  try {
    await by.authenticate(`Bearer ${token}`);
  } catch (thrown) {
    assert.ok(thrown instanceof SwitchboardError, String(thrown));
    assert.ok(!thrown.message.includes(token));
    assert.equal(thrown.cause, undefined);
    return `${thrown.code}: ${thrown.message}`;
  }
  return 'accepted';
}

it('a good token of each kind of key is its subject, with the rights of an ordinary caller', async () => {
  for (const kid of ['ec', 'rsa', 'ed']) {
    const caller = await accounts.authenticate(`Bearer ${await issuer.token(kid)}`);
    assert.equal(caller.id, 'jwt:https://issuer.test#default/alice');
    assert.deepEqual([caller.user, caller.tenant, caller.priority], ['alice', 'default', 'normal']);
    assert.deepEqual([...caller.scopes], ['api']);
    assert.ok((caller.expiresAtMs ?? 0) > nowMs);
  }
});

it('claims name the user, the tenant and our scopes, and nothing else counts', async () => {
  const cases: readonly (readonly [claims: object, scopes: readonly string[]])[] = [
    [{ scope: 'openid switchboard:admin' }, ['admin']],
    [{ scope: ['switchboard:api', 'switchboard:act_for_users'] }, ['api', 'act_for_users']],
    [{ scope: 'admin api.admin switchboard:root' }, ['api']],
    [{ scope: { admin: true } }, ['api']],
  ];
  for (const [claims, scopes] of cases) {
    const token = await issuer.token('ec', { ...claims, tenant: 'acme' });
    const caller = await accounts.authenticate(`Bearer ${token}`);
    assert.deepEqual([...caller.scopes], scopes);
    assert.equal(caller.tenant, 'acme');
  }
});

it('other claims can be the ones that count', async () => {
  const other = await open({
    JWT_USER_CLAIM: 'https://a.example/email',
    JWT_TENANT_CLAIM: 'tid',
    JWT_SCOPE_CLAIM: 'scp',
    JWT_SCOPE_PREFIX: 'sb.',
  });
  const claims = { 'https://a.example/email': 'b@c.example', tid: 't1', scp: ['sb.admin'] };
  const caller = await other.authenticate(`Bearer ${await issuer.token('ec', claims)}`);
  assert.deepEqual(
    [caller.user, caller.tenant, [...caller.scopes]],
    ['b@c.example', 't1', ['admin']],
  );
  other.close();
});

it('a token that is wrong in any way opens nothing', async () => {
  const nowS = Math.floor(nowMs / 1_000);
  const good = await issuer.token('ec');
  const [header = '', payload = '', signature = ''] = good.split('.');
  const secret = Buffer.from(JSON.stringify(issuer.keySet.keys[0]));
  const claims = { iss: issuer.name, aud: AUDIENCE, sub: 'alice', exp: nowS + 600 };
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
  const cases: readonly (readonly [what: string, token: string, message: RegExp])[] = [
    ['forged claims', `${header}.${forged}.${signature}`, /not valid/],
    ['no signature', `${header}.${payload}.`, /not valid/],
    ['alg none', new UnsecuredJWT(claims).encode(), /not valid/],
    [
      'a shared secret',
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'ec' }).sign(secret),
      /not valid/,
    ],
    ['a foreign key of the same id', await foreign.token('ec'), /not valid/],
    ['an unknown key', await issuer.token('ec', {}, { kid: 'other' }), /not valid/],
    ['a key of another kind', await issuer.token('ec', {}, { kid: 'rsa' }), /not valid/],
    ['another issuer', await issuer.token('ec', { iss: 'https://other.test' }), /issuer unknown/],
    ['no issuer', await issuer.token('ec', { iss: undefined }), /issuer unknown/],
    ['another audience', await issuer.token('ec', { aud: 'other' }), /another audience/],
    ['no audience', await issuer.token('ec', { aud: undefined }), /another audience/],
    ['no end', await issuer.token('ec', { exp: undefined }), /no time/],
    ['over', await issuer.token('ec', { exp: nowS - 31 }), /has expired/],
    ['not yet', await issuer.token('ec', { nbf: nowS + 60 }), /not valid yet/],
    ['no subject', await issuer.token('ec', { sub: undefined }), /name its user/],
    ['a long subject', await issuer.token('ec', { sub: 'x'.repeat(256) }), /name its user/],
    ['a subject with a line break', await issuer.token('ec', { sub: 'a\nb' }), /name its user/],
    ['a tenant that is no name', await issuer.token('ec', { tenant: { a: 1 } }), /name its tenant/],
    ['three empty words', 'a.b.c', /not valid/],
    ['no token', 'abc', /not valid/],
  ];
  for (const [what, token, message] of cases) {
    const refusal = await refusalOf(token);
    assert.match(refusal, /^invalid_api_key: /, what);
    assert.match(refusal, message, what);
  }
  assert.equal(await refusalOf(good), 'accepted');
});

it('the clocks of issuer and gateway may differ by the skew, and not by more', async () => {
  const nowS = Math.floor(nowMs / 1_000);
  assert.equal(await refusalOf(await issuer.token('ec', { exp: nowS - 28 })), 'accepted');
  assert.equal(await refusalOf(await issuer.token('ec', { nbf: nowS + 28 })), 'accepted');
  const strict = await open({ JWT_CLOCK_SKEW_MS: '0' });
  const late = await issuer.token('ec', { exp: nowS - 1 });
  assert.match(await refusalOf(late, strict), /has expired/);
  strict.close();
});

it('a token that was seen before ends when it ends', async () => {
  const nowS = Math.floor(nowMs / 1_000);
  const token = await issuer.token('ec', { exp: nowS + 60 });
  assert.equal(await refusalOf(token), 'accepted');
  nowMs += 89_000;
  assert.equal(await refusalOf(token), 'accepted');
  nowMs += 2_000;
  assert.match(await refusalOf(token), /has expired/);
  nowMs -= 91_000;
});

it('a token that was seen before ends with the key it was signed with', async () => {
  await issuer.addKey('old', 'ES256');
  await writeKeys();
  const token = await issuer.token('old');
  await until(async () => (await refusalOf(token)) === 'accepted', { what: 'the new key' });
  issuer.removeKey('old');
  await writeKeys();
  await until(async () => (await refusalOf(token)) !== 'accepted', { what: 'the end of the key' });
});

it('the same subject of two issuers, and a key of that name, are three owners', async () => {
  const other = new Issuer('https://other.test');
  await other.addKey('x');
  await writeFile(join(folder, 'other.json'), JSON.stringify(other.keySet));
  const second = await open({ JWT_ISSUER: other.name, JWKS_FILE: join(folder, 'other.json') });
  const [a, b] = [
    await accounts.authenticate(`Bearer ${await issuer.token('ec')}`),
    await second.authenticate(`Bearer ${await other.token('x')}`),
  ];
  assert.equal(a.user, b.user);
  assert.notEqual(a.owner, b.owner);
  assert.notEqual(a.id, b.id);
  assert.match(await refusalOf(await other.token('x', { iss: issuer.name })), /not valid/);
  second.close();
});

leakGuard();
