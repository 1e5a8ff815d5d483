import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { barrier } from './barrier.ts';
import { deferred } from './deferred.ts';

test('a deferred settles when told, and says so', async () => {
  const answer = deferred<number>();
  assert.equal(answer.settled, false);
  answer.resolve(1);
  answer.resolve(2);
  assert.equal(answer.settled, true);
  assert.equal(await answer.promise, 1);
  const failure = deferred();
  failure.reject(new Error('no'));
  await assert.rejects(failure.promise, /no/);
});

test('a barrier lets nobody through before the last has come, and nobody in after', async () => {
  const gate = barrier(3);
  let through = 0;
  const pass = async () => {
    await gate.arrive();
    through += 1;
  };
  const early = [pass(), pass()];
  await turn();
  assert.deepEqual([through, gate.arrived], [0, 2]);
  await Promise.all([...early, pass()]);
  assert.equal(through, 3);
  assert.throws(() => gate.arrive(), /one more/);
  assert.throws(() => barrier(0), RangeError);
});
