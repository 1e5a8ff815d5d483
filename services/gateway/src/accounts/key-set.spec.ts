import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, it } from 'node:test';
import { ConfigError } from '@switchboard/platform/config';
import { exportJWK } from 'jose';
import type { JWK } from 'jose';
import { Issuer } from '../../test/issuer.ts';
import { KeySet } from './key-set.ts';

const issuer = new Issuer();
before(async () => {
  await issuer.addKey('ec', 'ES256');
  await issuer.addKey('rsa', 'RS256');
  await issuer.addKey('ed', 'EdDSA');
});

async function read(...keys: readonly object[]): Promise<KeySet> {
  return await KeySet.read('JWKS_FILE', JSON.stringify({ keys }));
}

it('has the public keys of every usual kind', async () => {
  const set = await read(...issuer.keySet.keys);
  assert.equal(set.size, 3);
  for (const kid of ['ec', 'rsa', 'ed', undefined]) assert.ok(set.has(kid), String(kid));
  assert.ok(!set.has('other'));
});

it('leaves out what verifies nothing here, and keeps the rest', async () => {
  const [good, rsa] = issuer.keySet.keys;
  assert.ok(good !== undefined && rsa !== undefined);
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  const useless: readonly JWK[] = [
    { kty: 'oct', k: 'c2VjcmV0', kid: 'shared', alg: 'HS256' },
    { ...rsa, kid: 'encrypts', use: 'enc' },
    { ...rsa, kid: 'other algorithm', alg: 'RSA-OAEP' },
    { ...rsa, kid: 'shared secret by name', alg: 'HS256' },
    { ...rsa, kid: 'broken', n: '' },
    { ...good, kid: 'not on the curve', x: good.y ?? '', y: good.y ?? '' },
    { ...(await exportJWK(short)), kid: 'short' },
    { kty: 'XX', kid: 'unknown' },
  ];
  for (const key of useless) {
    assert.equal((await read(good, key)).size, 1, String(key.kid));
    await assert.rejects(read(key), /no public key/, String(key.kid));
  }
});

it('is refused whole with a private key in it, or when it is no key set', async () => {
  const [good] = issuer.keySet.keys;
  await assert.rejects(read({ ...good, d: 'c2VjcmV0' }), /holds a private key/);
  for (const text of ['', '[]', '{}', '{"keys":{}}', '{"keys":["a"]}', '{"keys":[]}']) {
    await assert.rejects(KeySet.read('JWKS_FILE', text), ConfigError);
  }
  const many = { keys: Array.from({ length: 101 }, () => good) };
  await assert.rejects(KeySet.read('JWKS_FILE', JSON.stringify(many)), ConfigError);
});
