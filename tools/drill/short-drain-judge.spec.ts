import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { PolicyResult } from './policy-stream.ts';
import { judgeShortDrain } from './short-drain-judge.ts';
import type { ModelCall } from './simulator-log.ts';

const expected = 'a b c';
const whole = { end: 'completed', text: expected, failure: undefined, expected };
const untouched: PolicyResult = { ...whole, id: 'u', policy: 'fail', pieces: [expected] };
const handedBack: PolicyResult = { ...untouched, id: 'h' };
const lost: PolicyResult = { ...untouched, id: 'l', pieces: ['a b'], end: 'worker_lost', text: '' };
const again: PolicyResult = { ...whole, id: 'a', policy: 'restart', pieces: ['a', expected] };
const ALL = [untouched, handedBack, lost, again];

type Outcomes = Readonly<Record<string, readonly ModelCall['outcome'][]>>;
const CALLS: Outcomes = {
  u: ['finished'],
  h: ['aborted', 'finished'],
  l: ['aborted'],
  a: ['aborted', 'finished'],
};

function judge(results: readonly PolicyResult[], outcomes: Outcomes = CALLS) {
  return judgeShortDrain(results, {
    of: (request) =>
      (outcomes[request] ?? []).map((outcome) => {
        return { request, startedAtMs: 0, endedAtMs: 1, outcome };
      }),
  });
}

describe('the judge of a drill with a drain that is too short', () => {
  it('has nothing against the documented ends, and counts each', () => {
    const { figures, violations } = judge(ALL);
    assert.deepEqual(violations, []);
    const each = { untouched: 1, 'handed back': 1, worker_lost: 1, 'began again': 1 };
    assert.deepEqual(figures, { streams: 4, ...each });
  });

  it('wants each of them: else nothing was tried', () => {
    assert.deepEqual(judge([untouched, handedBack, lost]).violations, [
      'no stream was began again: nothing was tried',
    ]);
  });

  const wrong: readonly (readonly [string, PolicyResult, RegExp, Outcomes?])[] = [
    ['a client that throws', { ...untouched, failure: 'connection_lost' }, /threw/],
    ['another code', { ...untouched, end: 'internal_error' }, /not documented/],
    ['no end', { ...untouched, end: undefined }, /not documented/],
    ['a lost worker where the agent says restart', { ...lost, policy: 'restart' }, /says restart/],
    ['a lost worker that was not', lost, /no worker/, { ...CALLS, l: ['finished'] }],
    ['a lost worker before anything was shown', { ...lost, pieces: [] }, /shown nothing/],
    ['a wrong beginning', { ...lost, pieces: ['a c'] }, /from character 2/],
    ['a new beginning where the agent says fail', { ...again, policy: 'fail' }, /says fail/],
    ['a new beginning for nothing', again, /more often/, { ...CALLS, a: ['finished'] }],
    ['a second call for nothing', untouched, /asked more/, { u: ['finished', 'finished'] }],
    ['a half answer', { ...untouched, pieces: ['a b'] }, /last attempt/],
    ['a wrong attempt', { ...again, pieces: ['b', expected] }, /an attempt/],
    ['both beginnings in the response', { ...again, text: 'aa b c' }, /the response/],
  ];
  for (const [what, result, message, outcomes] of wrong) {
    it(`finds ${what}`, () => {
      const [violation, ...more] = judge([...ALL, result], outcomes).violations;
      assert.match(violation ?? '', message);
      // Where the same calls are wrong for the good one of that name, it is found too.
      assert.ok(outcomes !== undefined || more.length === 0, more.join('; '));
    });
  }
});
