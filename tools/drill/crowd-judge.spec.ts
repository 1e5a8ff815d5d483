import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type CrowdRound, FLOODS, type Flood, judgeCrowd } from './crowd-judge.ts';
import { outcome } from './outcomes.ts';

/** Three rounds of each flood; the p95 of the others as given, else 200 ms. */
function judge(p95Ms: Partial<Record<Flood, readonly number[]>>, outstanding = 900) {
  const rounds = FLOODS.flatMap((flood) =>
    (p95Ms[flood] ?? [200, 200, 200]).map((latencyMs): CrowdRound => {
      return { flood, others: Array(20).fill(outcome({ latencyMs })), outstanding };
    }),
  );
  return judgeCrowd({ rounds, serviceMs: 100, slots: 20 }).violations;
}

describe('a key that invents users', () => {
  it('may hold the others up as long as one user does, and a service time', () => {
    assert.deepEqual(judge({ 'invented users': [300, 300, 300] }), []);
    assert.deepEqual(judge({ 'invented users': [301, 301, 301] }), [
      'invented users: p95 of the others 301 ms, at most 300 ms by one user',
    ]);
    assert.equal(judge({ 'invented users, may act for them': [301, 301, 301] }).length, 1);
  });

  it('is judged by the round in the middle', () => {
    assert.deepEqual(judge({ 'invented users': [200, 210, 4_000] }), []);
  });

  it('proves nothing when there was no queue, or the others were not served', () => {
    assert.equal(judge({}, 20).length, 9);
    const others = [outcome({ status: 503 })];
    const rounds = FLOODS.map((flood): CrowdRound => ({ flood, others, outstanding: 900 }));
    assert.equal(judgeCrowd({ rounds, serviceMs: 100, slots: 20 }).violations.length, 4);
  });
});
