import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { PLAIN_KINDS, type PlainResult } from './plain-user.ts';
import { type Calls, judgePlainUsers, judgeStreams } from './restart-judge.ts';
import type { ModelCall } from './simulator-log.ts';

function callsOf(count: number, outcome: ModelCall['outcome'] = 'finished'): Calls {
  return {
    of: (request) =>
      Array.from({ length: count }, () => ({ request, startedAtMs: 0, endedAtMs: 1, outcome })),
  };
}

describe('the judge of streams through the client', () => {
  const whole = { id: 'd-0-0', expected: 'a b c', text: 'a b c', failure: undefined, refused: 0 };
  const cut = { ...whole, opened: 2 };
  const judged = (changes: Partial<typeof cut> | { failure: string }, calls = callsOf(1)): string =>
    judgeStreams([{ ...cut, ...changes }], calls, 10).violations.join('; ');

  it('has nothing against a whole answer that was cut and resumed', () => {
    assert.equal(judged({}), '');
  });

  it('finds each broken promise', () => {
    assert.match(judged({ failure: 'connection_lost' }), /d-0-0 broke: connection_lost/);
    assert.match(judged({ text: 'a b' }), /3 of 5 characters/);
    assert.match(judged({ text: 'a b b c' }), /7 of 5 characters/);
    assert.match(judged({}, callsOf(2)), /asked 2 times/);
    assert.match(judged({}, callsOf(0)), /asked 0 times/);
  });

  it('wants cuts: else nothing was tried', () => {
    assert.match(judged({ opened: 1 }), /no stream was cut/);
    const [violation] = judgeStreams([{ ...cut, opened: 1 }, cut], callsOf(1), 60).violations;
    assert.match(violation ?? '', /1 of the first streams were never cut/);
  });
});

describe('the judge of plain users', () => {
  const cut: PlainResult = {
    id: 'p-0-0',
    kind: 'response',
    expected: 'a b c',
    text: 'a b c',
    marked: 1,
    refused: 0,
    ended: false,
    failure: undefined,
  };
  const all = PLAIN_KINDS.map((kind) => ({ ...cut, kind }));
  const judged = (changes: Partial<PlainResult>, calls = callsOf(1)): string => {
    const results = [...all, { ...cut, ...changes }];
    return judgePlainUsers(results, calls).violations.join('; ');
  };

  it('has nothing against whole answers and resumable ends', () => {
    assert.equal(judged({}), '');
    assert.equal(judged({ kind: 'chat', ended: true, text: 'a b' }), '');
    assert.equal(judged({ refused: 1, marked: 0 }), '');
  });

  it('finds each broken promise', () => {
    assert.match(judged({ failure: 'terminated' }), /p-0-0 of the plain SDK broke: terminated/);
    assert.match(judged({ text: 'a b' }), /3 of 5 characters/);
    assert.match(judged({ kind: 'chat', ended: true, text: 'a c' }), /from character 2/);
    assert.match(judged({}, callsOf(2)), /asked 2 times/);
    const running = judged({ kind: 'chat', ended: true }, callsOf(1, 'running'));
    assert.match(running, /the model goes on/);
  });

  it('wants each kind to be cut: else nothing was tried', () => {
    const calm = all.map((result) => ({ ...result, marked: result.kind === 'chat' ? 0 : 1 }));
    assert.deepEqual(judgePlainUsers(calm, callsOf(1)).violations, [
      'no chat was cut: nothing was tried',
    ]);
  });
});
