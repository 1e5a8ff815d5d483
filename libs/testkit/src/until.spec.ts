import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './until.ts';

test('the first truthy look is returned, of a synchronous or asynchronous condition', async () => {
  let looks = 0;
  const third = () => {
    looks += 1;
    return looks === 3 ? 'done' : undefined;
  };
  const result: string = await until(third, { what: 'the third look' });
  assert.equal(result, 'done');
  assert.equal(await until(async () => 7), 7);
});

test('when the time is over the error says what was waited for, even if a look hangs', async () => {
  const what = 'the moon';
  const expected = /20 ms are over, still waiting for the moon/;
  await assert.rejects(
    until(() => false, { what, timeoutMs: 20 }),
    expected,
  );
  await assert.rejects(
    until(() => new Promise(() => {}), { what, timeoutMs: 20 }),
    expected,
  );
});

test('a condition that throws is not tried again', async () => {
  let looks = 0;
  const broken = () => {
    looks += 1;
    throw new Error('broken');
  };
  await assert.rejects(until(broken, { what: 'nothing' }), /broken/);
  assert.equal(looks, 1);
});
