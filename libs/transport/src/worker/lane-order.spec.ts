import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LANES } from '@switchboard/contract';
import { LaneOrder } from './lane-order.ts';

describe('LaneOrder', () => {
  it('has no relief while all lanes are reached', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    for (let look = 0; look < 64; look++) {
      now += 1_000;
      assert.equal(order.relief(), undefined);
      for (const lane of LANES) order.reached(lane);
    }
  });

  it('gives one look in eight to the higher lanes in turn when they starve', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    now = 10_000;
    const reliefs = Array.from({ length: 32 }, () => order.relief());
    assert.deepEqual(
      reliefs.filter((lane) => lane !== undefined),
      [2, 3, 4, 2],
    );
    assert.equal(reliefs[7], 2);
  });

  it('leaves out lanes that were reached', () => {
    let now = 0;
    const order = new LaneOrder(() => now);
    now = 10_000;
    order.reached(2);
    order.reached(4);
    const reliefs = Array.from({ length: 16 }, () => order.relief());
    assert.deepEqual([reliefs[7], reliefs[15]], [3, 3]);
  });
});
