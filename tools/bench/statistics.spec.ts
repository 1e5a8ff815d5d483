import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { idealMs, median, percentile } from './statistics.ts';

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('is a measured value that so large a share of all does not exceed', () => {
    assert.equal(percentile(hundred, 0.95), 95);
    assert.equal(percentile(hundred, 1), 100);
    assert.equal(percentile(hundred, 0), 1);
    assert.equal(percentile([3, 1, 2], 0.95), 3);
    assert.equal(median([4, 1, 3, 2]), 2);
    assert.equal(median([10, 9]), 9);
  });

  it('sorts as numbers and leaves the values as they were', () => {
    const values = [10, 9, 100];
    assert.equal(median(values), 10);
    assert.deepEqual(values, [10, 9, 100]);
  });

  it('of nothing, or of something that was not measured, is no number', () => {
    assert.ok(Number.isNaN(median([])));
    assert.ok(Number.isNaN(percentile([1, NaN, 2], 0.5)));
  });
});

describe('the ideal time', () => {
  it('is that of full rounds', () => {
    assert.equal(idealMs(220, 10, 100), 2_200);
    assert.equal(idealMs(25, 10, 2_000), 6_000);
    assert.equal(idealMs(1, 10, 100), 100);
  });
});
