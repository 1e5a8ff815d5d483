import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Caller } from './caller.ts';
import { TokenCache } from './token-cache.ts';

function verified(name: string, untilMs = 100, stands = () => true) {
  return { caller: { name } as Caller, untilMs, stands };
}

it('of too many tokens the one that was not used for the longest time goes', () => {
  const cache = new TokenCache(2);
  cache.set('a', verified('a'));
  cache.set('b', verified('b'));
  assert.equal(cache.get('a', 0)?.name, 'a');
  cache.set('c', verified('c'));
  assert.equal(cache.size, 2);
  assert.equal(cache.get('b', 0), undefined);
  assert.equal(cache.get('a', 0)?.name, 'a');
  assert.equal(cache.get('c', 0)?.name, 'c');
});

it('a token is forgotten at its end, and when the keys it was verified with are gone', () => {
  const cache = new TokenCache(9);
  let stands = true;
  cache.set('a', verified('a', 100));
  cache.set(
    'b',
    verified('b', 100, () => stands),
  );
  assert.equal(cache.get('a', 99)?.name, 'a');
  assert.equal(cache.get('a', 100), undefined);
  assert.equal(cache.get('b', 99)?.name, 'b');
  stands = false;
  assert.equal(cache.get('b', 99), undefined);
  assert.equal(cache.size, 0);
});
