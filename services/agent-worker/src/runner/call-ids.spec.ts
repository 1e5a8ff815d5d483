import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallIds } from './call-ids.ts';

test('an id of the provider is kept, also when the same call comes again', () => {
  const ids = new CallIds();
  assert.equal(ids.idOf('call_7', 'send', '{"a":1}'), 'call_7');
  assert.equal(ids.idOf('call_7', 'send', '{"a":1}'), 'call_7');
});

test('an id that begins anew in every answer names another call the second time', () => {
  const ids = new CallIds();
  assert.equal(ids.idOf('call_0', 'send', '{"a":1}'), 'call_0');
  const other = ids.idOf('call_0', 'send', '{"a":2}');
  const third = ids.idOf('call_0', 'read', '{"a":2}');
  assert.equal(new Set(['call_0', other, third]).size, 3);
});

test('a missing id, and one of any length, are made up', () => {
  const ids = new CallIds();
  const made = [undefined, '', 'x'.repeat(1_000_000)].map((id, n) => ids.idOf(id, 'f', `${n}`));
  assert.equal(new Set(made).size, 3);
  assert.ok(made.every((id) => id.length < 20));
});

test('what is made up is the same whenever a model does the same', () => {
  const sequence = (): string[] => {
    const ids = new CallIds();
    return [
      ids.idOf(undefined, 'a', '1'),
      ids.idOf('0', 'a', '2'),
      ids.idOf('0', 'b', '3'),
      ids.idOf(undefined, 'a', '4'),
    ];
  };
  assert.deepEqual(sequence(), sequence());
  assert.equal(new Set(sequence()).size, 4);
});
