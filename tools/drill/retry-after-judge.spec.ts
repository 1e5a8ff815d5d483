import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { ChatOutcome } from './chat-call.ts';
import { outcome, refusal } from './outcomes.ts';
import { judgeReturns, READINGS, type Return } from './retry-after-judge.ts';

/** A hundred of each reading, of whom the first `refused` are refused again. */
function returns(refused: number, again: ChatOutcome = refusal()): Return[] {
  return READINGS.flatMap((reading) =>
    Array.from({ length: 100 }, (_, index) => {
      const came = index < refused ? again : outcome();
      return { reading, refusal: refusal(), again: came, lateMs: 1 };
    }),
  );
}

const judge = (all: readonly Return[]): readonly string[] =>
  judgeReturns({ calls: [outcome(), refusal()], returns: all, pending: 0 }).violations;

describe('those who come back when told', () => {
  it('are to be let in, nine of ten of each reading', () => {
    assert.deepEqual(judge(returns(10)), []);
    assert.deepEqual(judge(returns(11)), [
      'retry-after-ms: 89.0 % admitted when they came back',
      'retry-after: 89.0 % admitted when they came back',
    ]);
  });

  it('are not let in when the deadline ends what they asked for', () => {
    assert.equal(judge(returns(11, outcome({ status: 504, code: 'deadline_exceeded' }))).length, 2);
  });

  it('must be some', () => {
    assert.equal(judge(returns(0).slice(0, 119)).length, 1);
  });

  it('and everybody else is told when to come', () => {
    const calls = [refusal({ retryAfter: '61' }), outcome({ status: 500 })];
    const { violations } = judgeReturns({ calls, returns: returns(0), pending: 0 });
    assert.equal(violations.length, 2);
  });
});
