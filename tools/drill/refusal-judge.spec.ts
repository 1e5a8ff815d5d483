import assert from 'node:assert/strict';
import { it } from 'node:test';

import { outcome, refusal } from './outcomes.ts';
import { outcomeText, refusalProblem } from './refusal-judge.ts';

it('a refusal says when to come again, in whole seconds and in milliseconds that agree', () => {
  assert.equal(refusalProblem(refusal()), undefined);
  assert.equal(refusalProblem(refusal({ retryAfter: '60', retryAfterMs: '60000' })), undefined);
  const wrong = [
    { retryAfter: undefined },
    { retryAfter: '0', retryAfterMs: '0' },
    { retryAfter: '61', retryAfterMs: '60500' },
    { retryAfter: '6.3' },
    { retryAfterMs: undefined },
    { retryAfterMs: '7001' },
    { retryAfterMs: '6000' },
    { shouldRetry: 'false' },
    { shouldRetry: undefined },
  ];
  for (const each of wrong) {
    assert.ok(refusalProblem(refusal(each)) !== undefined, JSON.stringify(each));
  }
});

it('calls are told by what they ended with', () => {
  const calls = [outcome(), refusal(), outcome(), outcome({ status: 0 })];
  assert.equal(outcomeText(calls), '1 x 0, 2 x 200, 1 x 503 server_is_overloaded');
});
