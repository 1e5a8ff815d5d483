import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LaneOrder } from './lane-order.ts';

const lanes = (order: LaneOrder): number[] => [...order.next()].map(({ lane }) => lane);
/** One look that finds its request in the first lane it asks. */
const first = (order: LaneOrder): number | undefined => order.next().next().value?.lane;

describe('LaneOrder', () => {
  it('asks lane 1 first and the others in turn', () => {
    const order = new LaneOrder(() => 0);
    for (let look = 0; look < 20; look++) assert.deepEqual(lanes(order), [1, 2, 3, 4]);
  });

  it('gives one look in eight to the higher lanes in turn, one request each, when they starve', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    now = 10_000;
    const firsts = Array.from({ length: 32 }, () => first(order));
    const relief = firsts.filter((lane) => lane !== 1);
    assert.deepEqual(relief, [2, 3, 4, 2]);
    assert.equal(firsts[7], 2);
  });

  it('takes one request only from a starved lane, so that a flood gains nothing by it', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    now = 10_000;
    for (let look = 0; look < 7; look++) first(order);
    assert.deepEqual(order.next().next().value, { lane: 2, most: 1 });
  });

  it('does not relieve a lane that normal looks reach', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    for (let look = 0; look < 64; look++) {
      now += 1_000;
      assert.deepEqual(lanes(order), [1, 2, 3, 4]);
    }
  });
});
