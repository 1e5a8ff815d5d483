import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { EventOutbox } from './event-outbox.ts';

const word = (text: string): RunEvent => ({ type: 'text.delta', text });

test('an event counts as taken when the reader comes back for the next one', async () => {
  const outbox = new EventOutbox();
  let taken = false;
  void outbox.push(word('a')).then(() => (taken = true));
  const into: RunEvent[] = [];
  assert.equal(await outbox.read(into), true);
  await new Promise(setImmediate);
  assert.deepEqual([into, taken], [[word('a')], false]);
  const next = outbox.read(into);
  await new Promise(setImmediate);
  assert.equal(taken, true);
  outbox.close();
  assert.equal(await next, false);
});

test('what was pushed before the close is read before the end', async () => {
  const outbox = new EventOutbox();
  void outbox.push(word('a'));
  void outbox.push(word('b'));
  outbox.close();
  const into: RunEvent[] = [];
  assert.equal(await outbox.read(into), true);
  assert.deepEqual(into, [word('a'), word('b')]);
  assert.equal(await outbox.read(into), false);
});

test('a reader that waits is woken by an event', async () => {
  const outbox = new EventOutbox();
  const into: RunEvent[] = [];
  const reading = outbox.read(into);
  void outbox.push(word('a'));
  assert.equal(await reading, true);
  assert.deepEqual(into, [word('a')]);
});
