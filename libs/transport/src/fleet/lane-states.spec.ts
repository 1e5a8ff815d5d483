import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Lane, PRIORITIES } from '@switchboard/contract';
import { aheadOfNew, type LaneState, takenByShares } from './lane-states.ts';

/** So many wait in the first two lanes of each priority. */
const waiting = (high: readonly number[], normal: readonly number[]): LaneState[] =>
  PRIORITIES.flatMap((priority) => {
    return ([1, 2] as const).map((lane: Lane): LaneState => {
      const pending = (priority === 'high' ? high : normal)[lane - 1] ?? 0;
      return { priority, lane, pending, givenOut: 0, deliveredSeq: 0 };
    });
  });

it('puts a new request behind those of its lane and the better ones, while no others wait', () => {
  for (const priority of PRIORITIES) {
    const lanes = priority === 'high' ? waiting([8, 3], []) : waiting([], [8, 3]);
    assert.equal(aheadOfNew({ priority, lane: 1 }, lanes), 8);
    assert.equal(aheadOfNew({ priority, lane: 2 }, lanes), 11);
  }
});

it('puts a normal one behind four high ones in each turn, and behind no more than there are', () => {
  const place = { priority: 'normal', lane: 1 } as const;
  assert.equal(aheadOfNew(place, waiting([100, 100], [10, 50])), 10 + 42);
  assert.equal(aheadOfNew(place, waiting([5, 7], [10, 50])), 10 + 12);
});

it('puts a high one behind a normal one in each turn, and behind no more than there are', () => {
  const place = { priority: 'high', lane: 1 } as const;
  assert.equal(aheadOfNew(place, waiting([20, 9], [100, 100])), 20 + 5);
  assert.equal(aheadOfNew(place, waiting([20, 9], [2, 1])), 20 + 3);
  assert.equal(aheadOfNew(place, waiting([], [100, 100])), 0);
});

it('takes four of five from the high ones, and what one priority lacks from the other', () => {
  const left = (high: readonly number[], normal: readonly number[], count: number) =>
    takenByShares(waiting(high, normal), count).map(({ pending }) => pending);
  assert.deepEqual(left([6, 9], [3, 4], 10), [0, 7, 1, 4]);
  assert.deepEqual(left([1, 1], [3, 4], 5), [0, 0, 0, 4]);
  assert.deepEqual(left([6, 9], [1, 0], 10), [0, 6, 0, 0]);
  assert.deepEqual(left([1, 0], [1, 0], 10), [0, 0, 0, 0]);
});
