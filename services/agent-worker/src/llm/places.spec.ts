import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { seededRandom, testSeed } from '@switchboard/testkit';
import { Places } from './places.ts';

const { signal: never } = new AbortController();
const turn = () => new Promise(setImmediate);

test('a full house makes callers wait, and serves them in their order (P1, P2)', async () => {
  const places = new Places(1);
  const leave = await places.enter(never);
  const served: string[] = [];
  const waiting = ['a', 'b', 'c'].map(async (name) => {
    const leaveNow = await places.enter(never);
    served.push(name);
    leaveNow();
  });
  await turn();
  assert.deepEqual([served, places.taken, places.waiting], [[], 1, 3]);
  leave();
  await Promise.all(waiting);
  assert.deepEqual([served, places.taken, places.waiting], [['a', 'b', 'c'], 0, 0]);
});

test('a waiter that is aborted leaves at once, and the next one moves up (P3)', async () => {
  const places = new Places(1);
  const leave = await places.enter(never);
  const abort = new AbortController();
  const reason = new Error('the caller left');
  const gone = assert.rejects(places.enter(abort.signal), reason);
  const next = places.enter(never);
  abort.abort(reason);
  await gone;
  assert.deepEqual([places.taken, places.waiting], [1, 1]);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  leave();
  (await next)();
  assert.equal(places.taken, 0);
});

test('who comes aborted takes no place', async () => {
  const places = new Places(1);
  await assert.rejects(places.enter(AbortSignal.abort(new Error('gone'))), { message: 'gone' });
  assert.equal(places.taken, 0);
});

test('a place is given back once (P4)', async () => {
  const places = new Places(1);
  const leave = await places.enter(never);
  leave();
  assert.throws(leave, /twice/);
  assert.equal(places.taken, 0);
});

test('whatever callers do, no place is lost and none is made (P1, P4)', async (context) => {
  const random = seededRandom(testSeed(context));
  const places = new Places(3);
  let inside = 0;
  const caller = async (): Promise<void> => {
    const abort = new AbortController();
    const entering = places.enter(abort.signal);
    if (random.next() < 0.4) setImmediate(() => abort.abort(new Error('gone')));
    if (random.next() < 0.1) abort.abort(new Error('gone'));
    try {
      const leave = await entering;
      inside += 1;
      assert.ok(inside <= 3);
      for (let turns = random.int(0, 3); turns > 0; turns--) await turn();
      inside -= 1;
      leave();
    } catch (thrown) {
      assert.equal(String(thrown), 'Error: gone');
    }
  };
  const callers: Promise<void>[] = [];
  for (let index = 0; index < 500; index++) {
    callers.push(caller());
    if (random.next() < 0.3) await turn();
  }
  await Promise.all(callers);
  assert.deepEqual([places.taken, places.waiting, inside], [0, 0, 0]);
});
