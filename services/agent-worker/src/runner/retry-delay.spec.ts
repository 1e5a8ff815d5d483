import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryDelayMs } from './retry-delay.ts';

test('the longest wait doubles from half a second to eight seconds and stays there', () => {
  const longest = [0, 1, 2, 3, 4, 5, 9].map((retry) => retryDelayMs(retry, undefined, () => 1));
  assert.deepEqual(longest, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
});

test('the jitter is full: a wait may be anything down to nothing', () => {
  assert.equal(
    retryDelayMs(3, undefined, () => 0),
    0,
  );
  assert.equal(
    retryDelayMs(3, undefined, () => 0.25),
    1_000,
  );
});

test('what the provider asks for is waited exactly, without jitter', () => {
  assert.equal(
    retryDelayMs(0, 1_234, () => 0.5),
    1_234,
  );
  assert.equal(
    retryDelayMs(4, 0, () => 0.5),
    0,
  );
  assert.equal(
    retryDelayMs(0, 30_000, () => 0.5),
    30_000,
  );
});

test('a provider that asks for more than thirty seconds is not waited for', () => {
  assert.equal(
    retryDelayMs(0, 30_001, () => 0.5),
    undefined,
  );
});
