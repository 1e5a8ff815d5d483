import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isExcused } from './run-claim.ts';

describe('the loss of an attempt', () => {
  const nowMs = 100_000;
  const silent = (silentMs: number) => ({ silentMs });

  it('counts when this worker was never without NATS, or before the attempt fell silent', () => {
    assert.equal(isExcused(undefined, silent(20_000), nowMs), false);
    assert.equal(isExcused({ fromMs: 50_000, toMs: 75_000 }, silent(20_000), nowMs), false);
  });

  it('does not count when this worker, too, was without NATS since then', () => {
    assert.equal(isExcused({ fromMs: 50_000, toMs: 85_000 }, silent(20_000), nowMs), true);
    assert.equal(isExcused({ fromMs: 81_000, toMs: 99_000 }, silent(20_000), nowMs), true);
  });

  it('counts when that was too short to lose a claim by', () => {
    assert.equal(isExcused({ fromMs: 84_500, toMs: 85_000 }, silent(20_000), nowMs), false);
  });
});
