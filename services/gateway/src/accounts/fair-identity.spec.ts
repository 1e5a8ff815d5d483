import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ownerOf } from './local-owner.ts';
import { SCOPES } from './caller.ts';
import type { Caller } from './caller.ts';
import { fairIdentity } from './fair-identity.ts';

function callerWith(change: Partial<Caller>): Caller {
  return {
    id: 'key:a',
    name: 'a',
    user: 'a',
    tenant: 'default',
    scopes: new Set(['api']),
    priority: 'normal',
    limits: {},
    owner: 'o',
    ...change,
  };
}

it('an ordinary key is one user, whoever it names', () => {
  const caller = callerWith({});
  for (const named of [{}, { user: 'x' }, { safetyIdentifier: 'y' }, { user: 'key:b' }]) {
    assert.deepEqual(fairIdentity(caller, named), { account: 'key:a', user: 'key:a' });
  }
});

it('a key that acts for users is split by them, and stays one account', () => {
  const caller = callerWith({ scopes: new Set(SCOPES) });
  const named = [
    {},
    { user: 'x' },
    { safetyIdentifier: 'y' },
    { user: 'x', safetyIdentifier: 'y' },
  ];
  const identities = named.map((name) => fairIdentity(caller, name));
  assert.deepEqual([...new Set(identities.map(({ account }) => account))], ['key:a']);
  assert.equal(new Set(identities.map(({ user }) => user)).size, 3);
  const other = fairIdentity(callerWith({ id: 'key:b', scopes: new Set(SCOPES) }), { user: 'x' });
  assert.notEqual(other.user, identities[1]?.user);
});

it('no name makes an identity that belongs to another account, or that is long', () => {
  const caller = callerWith({ scopes: new Set(SCOPES) });
  const victim = fairIdentity(callerWith({ id: 'key:b' }), {}).user;
  for (const user of ['key:b', '"]', '["key:b","x"]', 'y'.repeat(1_000_000)]) {
    const identity = fairIdentity(caller, { user });
    assert.notEqual(identity.user, victim);
    assert.ok(identity.user.length < 300);
  }
  const [one, two] = ['a', 'b'].map((end) => {
    return fairIdentity(caller, { user: 'y'.repeat(1_000) + end }).user;
  });
  assert.notEqual(one, two);
});

it('without keys the unverified key and the user split the queue, each pair by itself', () => {
  const local = (key: string, user: string) => {
    return fairIdentity(callerWith({ id: 'local', owner: ownerOf(key) }), { user });
  };
  const pairs = [local('', ''), local('Bearer a', ''), local('Bearer a', 'u'), local('', 'u')];
  assert.equal(new Set(pairs.map(({ user }) => user)).size, 4);
  for (const { account, user } of pairs) assert.equal(account, user);
});
