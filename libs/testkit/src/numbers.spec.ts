import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentile } from './percentile.ts';
import { seededRandom, testSeed } from './seeded-random.ts';

test('a percentile is a value that was measured', () => {
  const values = [5, 1, 4, 2, 3, 10, 9, 8, 7, 6];
  assert.deepEqual(
    [0, 10, 50, 51, 95, 100].map((p) => percentile(values, p)),
    [1, 1, 5, 6, 10, 10],
  );
  assert.equal(percentile([7], 99), 7);
  assert.throws(() => percentile([], 50), RangeError);
  assert.throws(() => percentile([1], 101), RangeError);
});

function take(seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: 50 }, () => random.int(0, 1_000_000));
}

test('the same seed gives the same sequence, another one another', () => {
  assert.deepEqual(take(42), take(42));
  assert.notDeepEqual(take(42), take(43));
});

test('numbers keep to their bounds and reach both; picks and shuffles lose nothing', (t) => {
  const random = seededRandom(testSeed(t));
  const seen = new Set(Array.from({ length: 2_000 }, () => random.int(-2, 2)));
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    [-2, -1, 0, 1, 2],
  );
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const shuffled = random.shuffle(items);
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    items,
  );
  assert.ok(items.includes(random.pick(items)));
  assert.throws(() => random.pick([]), RangeError);
});

test('the seed of a run is said together with the way to repeat it', () => {
  const said: string[] = [];
  const seed = testSeed({ diagnostic: (message) => void said.push(message) });
  assert.deepEqual(said, [`seed ${seed}; SWITCHBOARD_SEED=${seed} repeats it`]);
});
