import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { RunEnd, RunPlan, RunResult } from './background-run.ts';
import { givenUp, overlapMs, problemsOf, takeoverFigures, takeoversOf } from './kill-judge.ts';
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

function problems(
  result: RunResult,
  calls: readonly ModelCall[],
  later: RunEnd,
  workersKilledAtMs: readonly number[] = [],
): string[] {
  return problemsOf(result, calls, { later, workersKilledAtMs });
}

describe('the judge of a kill drill', () => {
  it('has nothing against a whole answer, also after a lost worker', () => {
    assert.deepEqual(problems(resultOf(whole), [call(0, 10)], whole), []);
    const calls = [call(0, 10, 'aborted'), call(20, 30)];
    assert.deepEqual(problems(resultOf(whole), calls, whole), []);
  });

  it('takes worker_lost only where the profile says so and a worker was lost', () => {
    const aborted = [call(0, 10, 'aborted')];
    assert.deepEqual(problems(resultOf(lost), aborted, lost), []);
    const restarting = resultOf(lost, { plan: { ...plan, policy: 'restart' } });
    assert.match(problems(restarting, aborted, lost).join(), /ended failed \(worker_lost\)/);
    assert.match(problems(resultOf(lost), [call(0, 10)], lost).join(), /ended failed/);
  });

  it('takes worker_lost also when the worker was killed with an answer it had not stored', () => {
    const calls = [call(1_000, 2_000)];
    assert.deepEqual(problems(resultOf(lost), calls, lost, [3_000]), []);
    assert.deepEqual(problems(resultOf(lost), calls, lost, [1_500]), []);
    assert.match(problems(resultOf(lost), calls, lost, [500]).join(), /ended failed/);
    assert.match(problems(resultOf(lost), calls, lost, [15_000]).join(), /ended failed/);
  });

  it('counts calls that were broken off without a kill', () => {
    const calls = [call(0, 5_000, 'aborted'), call(0, 9_000, 'aborted'), call(0, 1_000)];
    assert.equal(givenUp(calls, [4_500]), 1);
  });

  for (const text of ['one', 'one two two', 'one one two']) {
    it(`finds that the text is wrong: ${text}`, () => {
      const wrong = { ...whole, text };
      assert.match(problems(resultOf(wrong), [call(0, 10)], wrong).join(), /wrong text/);
    });
  }

  it('finds a second end, in a later answer and under the same key', () => {
    assert.match(problems(resultOf(whole), [call(0, 10)], lost).join(), /two ends/);
    const other = resultOf(whole, { again: { ...whole, id: 'resp_2' } });
    assert.match(problems(other, [call(0, 10)], whole).join(), /two ends.*resp_2/);
  });

  it('finds two calls at once, and a call that never ended', () => {
    assert.equal(overlapMs([call(0, 10), call(10, 20)]), 0);
    assert.equal(overlapMs([call(0, 10), call(4, 20)]), 6);
    assert.match(
      problems(resultOf(whole), [call(0, 10), call(4, 20)], whole).join(),
      /twice at once/,
    );
  });

  it('measures take-overs from the broken call to the next one or to the end', () => {
    const calls = [call(0, 1_000, 'aborted'), call(17_000, 18_000, 'aborted')];
    const takeovers = takeoversOf(resultOf(lost), calls);
    assert.deepEqual(
      takeovers.map(({ tookMs }) => tookMs),
      [16_000, 12_000],
    );
    assert.deepEqual(takeoverFigures(takeovers, []).violations, []);
    const late = { run: 'k-1-1', lostAtMs: 0, tookMs: 20_001 };
    const [violation] = takeoverFigures([...takeovers, late], []).violations;
    assert.match(violation ?? '', /p95 is 20001 ms.*: k-1-1 lost at 00:00:00.000 20001 ms$/);
  });

  it('bounds those that were lost before by themselves, and the others as ever', () => {
    const suspect = { run: 'k-1-1', lostAtMs: 100_000, tookMs: 60_000, suspect: true };
    const other = { run: 'k-2-1', lostAtMs: 110_000, tookMs: 20_000 };
    assert.deepEqual(takeoverFigures([suspect, other], []).violations, []);
    const slow = { ...other, tookMs: 20_001 };
    assert.match(takeoverFigures([suspect, slow], []).violations.join(), /p95 is 20001 ms/);
    const late = { ...suspect, tookMs: 120_001 };
    assert.match(takeoverFigures([late, other], []).violations.join(), /waited 120001 ms/);
  });

  it('does not count the part of a take-over for which NATS elected', () => {
    const takeover = { run: 'k-1-1', lostAtMs: 100_000, tookMs: 25_000 };
    const during = { fromMs: 114_000, untilMs: 121_000 };
    assert.deepEqual(takeoverFigures([takeover], [during]).violations, []);
    const early = { fromMs: 90_000, untilMs: 104_000 };
    const late = { fromMs: 124_500, untilMs: 133_000 };
    const [violation] = takeoverFigures([takeover], [early, late]).violations;
    assert.match(violation ?? '', /p95 is 20500 ms/);
  });
});
