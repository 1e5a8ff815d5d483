import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CallSlots } from './call-slots.ts';

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('I3: a waiter that is aborted rejects at once with the reason, and keeps no listener', async () => {
  const slots = new CallSlots(1);
  const release = await slots.take(never);
  const waiter = new AbortController();
  const waiting = slots.take(waiter.signal);
  assert.equal(slots.waiting, 1);
  const reason = new Error('the caller left');
  waiter.abort(reason);
  await assert.rejects(waiting, reason);
  assert.equal(slots.waiting, 0);
  assert.equal(getEventListeners(waiter.signal, 'abort').length, 0);
  await assert.rejects(slots.take(waiter.signal), reason);
  release();
  (await slots.take(never))();
});

test('I2: a freed slot is the longest waiter’s, also when a newcomer asks in the same turn', async () => {
  const slots = new CallSlots(1);
  const order: string[] = [];
  const release = await slots.take(never);
  const wait = async (name: string): Promise<void> => {
    const done = await slots.take(never);
    order.push(name);
    done();
  };
  const first = wait('first');
  release();
  await Promise.all([first, wait('newcomer')]);
  assert.deepEqual(order, ['first', 'newcomer']);
});

test('one that is handed the slot and aborted in the same turn gives it back as usual', async () => {
  const slots = new CallSlots(1);
  const release = await slots.take(never);
  const waiter = new AbortController();
  const waiting = slots.take(waiter.signal);
  release();
  waiter.abort();
  (await waiting)();
  (await slots.take(never))();
});

test('a slot is given back once', async () => {
  const release = await new CallSlots(1).take(never);
  release();
  assert.throws(release, /given back before/);
  assert.throws(() => new CallSlots(0), RangeError);
});

test('I1: whatever comes, goes and is aborted in one turn, no more are taken than there are', async () => {
  const move = fc.constantFrom('take', 'release', 'abort', 'turn');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(move), async (size, moves) => {
      const slots = new CallSlots(size);
      const held: (() => void)[] = [];
      const waiters: AbortController[] = [];
      for (const one of moves) {
        if (one === 'take') {
          const waiter = new AbortController();
          waiters.push(waiter);
          const keep = (release: () => void): void => void held.push(release);
          slots.take(waiter.signal).then(keep, () => {});
        }
        if (one === 'release') held.shift()?.();
        if (one === 'abort') waiters.pop()?.abort();
        if (one === 'turn') await turn();
        assert.ok(held.length <= size);
      }
      await turn();
      // None idles while somebody waits.
      assert.ok(slots.waiting === 0 || held.length === size);
      while (held.length > 0) {
        held.shift()?.();
        await turn();
      }
      assert.equal(slots.waiting, 0);
    }),
  );
});
