import assert from 'node:assert/strict';
import { it } from 'node:test';
import { identityOf } from './identity.ts';

it('callers differ by key and by end user, and cannot take the place of another pair', () => {
  const identities = [
    identityOf(undefined, undefined),
    identityOf('Bearer a', undefined),
    identityOf('Bearer b', undefined),
    identityOf('Bearer a', 'u'),
    identityOf(undefined, 'u'),
    identityOf('Bearer a","u', undefined),
  ];
  assert.equal(new Set(identities).size, identities.length);
});

it('callers without a key and without a user share one identity', () => {
  assert.equal(identityOf('', undefined), identityOf(undefined, undefined));
  assert.equal(identityOf('Basic eDp5', undefined), identityOf(undefined, undefined));
  assert.equal(identityOf('bearer  a ', undefined), identityOf('Bearer a', undefined));
});
