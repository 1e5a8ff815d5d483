import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { RunEnd, RunPlan, RunResult } from './background-run.ts';
import { overlapMs, problemsOf, takeoverFigures, takeoversMs } from './kill-judge.ts';
import type { ModelCall } from './simulator-log.ts';

const plan: RunPlan = { id: 'k-1-1', policy: 'fail', model: 'fail/text=echo', text: 'one two' };
const whole: RunEnd = { id: 'resp_1', status: 'completed', code: undefined, text: 'one two' };
const lost: RunEnd = { id: 'resp_1', status: 'failed', code: 'worker_lost', text: 'one' };

function resultOf(end: RunEnd, changes: Partial<RunResult> = {}): RunResult {
  return { plan, end, endSeenAtMs: 30_000, problem: undefined, again: end, ...changes };
}

function call(
  startedAtMs: number,
  endedAtMs: number,
  outcome: ModelCall['outcome'] = 'finished',
): ModelCall {
  return { request: plan.id, startedAtMs, endedAtMs, outcome };
}

describe('the judge of a kill drill', () => {
  it('has nothing against a whole answer, also after a lost worker', () => {
    assert.deepEqual(problemsOf(resultOf(whole), [call(0, 10)], whole), []);
    const calls = [call(0, 10, 'aborted'), call(20, 30)];
    assert.deepEqual(problemsOf(resultOf(whole), calls, whole), []);
  });

  it('takes worker_lost only where the profile says so and a worker was lost', () => {
    const aborted = [call(0, 10, 'aborted')];
    assert.deepEqual(problemsOf(resultOf(lost), aborted, lost), []);
    const restarting = resultOf(lost, { plan: { ...plan, policy: 'restart' } });
    assert.match(problemsOf(restarting, aborted, lost).join(), /ended failed \(worker_lost\)/);
    assert.match(problemsOf(resultOf(lost), [call(0, 10)], lost).join(), /ended failed/);
  });

  for (const text of ['one', 'one two two', 'one one two']) {
    it(`finds that the text is wrong: ${text}`, () => {
      const wrong = { ...whole, text };
      assert.match(problemsOf(resultOf(wrong), [call(0, 10)], wrong).join(), /wrong text/);
    });
  }

  it('finds a second end, in a later answer and under the same key', () => {
    assert.match(problemsOf(resultOf(whole), [call(0, 10)], lost).join(), /two ends/);
    const other = resultOf(whole, { again: { ...whole, id: 'resp_2' } });
    assert.match(problemsOf(other, [call(0, 10)], whole).join(), /two ends.*resp_2/);
  });

  it('finds two calls at once, and a call that never ended', () => {
    assert.equal(overlapMs([call(0, 10), call(10, 20)]), 0);
    assert.equal(overlapMs([call(0, 10), call(4, 20)]), 6);
    assert.match(
      problemsOf(resultOf(whole), [call(0, 10), call(4, 20)], whole).join(),
      /twice at once/,
    );
  });

  it('measures take-overs from the broken call to the next one or to the end', () => {
    const calls = [call(0, 1_000, 'aborted'), call(17_000, 18_000, 'aborted')];
    assert.deepEqual(takeoversMs(resultOf(lost), calls), [16_000, 12_000]);
    assert.deepEqual(takeoverFigures([16_000, 12_000]).violations, []);
    assert.match(takeoverFigures([16_000, 20_001]).violations.join(), /p95 is 20001/);
  });
});
