import assert from 'node:assert/strict';
import { afterEach, beforeEach, it, mock } from 'node:test';
import { Listeners } from './listeners.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
afterEach(() => mock.timers.reset());

const fresh = (): Listeners => new Listeners(250, () => Date.now());

it('tells each listener of many changes once in a quarter of a second', () => {
  const listeners = fresh();
  const told = { a: 0, b: 0 };
  listeners.add(() => (told.a += 1));
  const remove = listeners.add(() => (told.b += 1));
  for (let ms = 0; ms < 1_000; ms++) {
    listeners.notify();
    mock.timers.tick(1);
  }
  assert.deepEqual(told, { a: 4, b: 4 });
  remove();
  remove();
  assert.equal(listeners.size, 1);
  listeners.notify();
  mock.timers.tick(250);
  assert.deepEqual(told, { a: 5, b: 4 });
});

it('waits for nothing when nobody listens', () => {
  const listeners = fresh();
  listeners.notify();
  let told = 0;
  listeners.add(() => (told += 1));
  mock.timers.tick(1_000);
  assert.equal(told, 0);
});
