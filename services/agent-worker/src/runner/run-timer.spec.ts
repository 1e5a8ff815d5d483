import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { RunTimer } from './run-timer.ts';

const LIMITS = { firstTokenMs: 1_000, idleMs: 300, runMs: 5_000 };
let nowMs = 0;
let parent: AbortController;
let timer: RunTimer;

beforeEach(() => {
  nowMs = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
  parent = new AbortController();
  timer = new RunTimer(LIMITS, parent.signal, () => nowMs);
  timer.waiting();
});

afterEach(() => {
  timer.close();
  mock.timers.reset();
});

/** In small steps, so that a timer that re-arms itself fires as often as it really would. */
function pass(ms: number): void {
  for (let step = 0; step < ms; step += 10) {
    nowMs += 10;
    mock.timers.tick(10);
  }
}

function code(): string | undefined {
  const reason: unknown = timer.signal.reason;
  return reason instanceof SwitchboardError ? reason.code : undefined;
}

test('silence before the first token is first_token_timeout, and not earlier than it says', () => {
  pass(990);
  assert.equal(code(), undefined);
  pass(10);
  assert.equal(code(), 'first_token_timeout');
});

test('silence after a token is idle_timeout, counted from the last token', () => {
  pass(500);
  timer.received();
  for (let token = 0; token < 10; token++) {
    timer.waiting();
    pass(290);
    assert.equal(code(), undefined);
    timer.received();
  }
  timer.waiting();
  pass(290);
  assert.equal(code(), undefined);
  pass(10);
  assert.equal(code(), 'idle_timeout');
});

test('a run that never falls silent still ends as run_timeout', () => {
  for (let token = 0; token < 49; token++) {
    pass(100);
    timer.received();
    timer.waiting();
  }
  assert.equal(code(), undefined);
  pass(100);
  assert.equal(code(), 'run_timeout');
});

test('time in which a slow reader holds the run is not the silence of the provider', () => {
  timer.received();
  pass(4_000);
  assert.equal(code(), undefined);
  timer.waiting();
  pass(300);
  assert.equal(code(), 'idle_timeout');
});

test('a slow reader is bounded by the run', () => {
  timer.received();
  pass(5_000);
  assert.equal(code(), 'run_timeout');
});

test('retries do not prolong the wait for the first token', () => {
  pass(600);
  timer.retrying();
  timer.waiting();
  assert.equal(timer.firstTokenLeftMs, 400);
  pass(390);
  assert.equal(code(), undefined);
  pass(10);
  assert.equal(code(), 'first_token_timeout');
});

test("the parent's abort passes its reason on and stops the clock", () => {
  const reason = new Error('the caller left');
  parent.abort(reason);
  assert.equal(timer.signal.reason, reason);
  pass(6_000);
  assert.equal(timer.signal.reason, reason);
});

test('a parent that has aborted before aborts at once', () => {
  parent.abort();
  const late = new RunTimer(LIMITS, parent.signal, () => nowMs);
  assert.equal(late.signal.aborted, true);
  late.close();
});

test('close leaves no listener on the parent and no timer', () => {
  timer.close();
  assert.equal(getEventListeners(parent.signal, 'abort').length, 0);
  pass(6_000);
  assert.equal(timer.signal.aborted, false);
});

test('asking another model counts the time to the first token anew, but not that of the run', () => {
  pass(900);
  timer.asking();
  timer.waiting();
  assert.equal(timer.firstTokenLeftMs, 1_000);
  pass(990);
  assert.equal(code(), undefined);
  pass(10);
  assert.equal(code(), 'first_token_timeout');
});

test('asking again after tokens have come brings back the limit for the first one', () => {
  timer.received();
  pass(2_000);
  timer.asking();
  timer.waiting();
  pass(990);
  assert.equal(code(), undefined);
  pass(10);
  assert.equal(code(), 'first_token_timeout');
});

test('a time-out that somebody takes does not end the run, and comes once', () => {
  const taken: string[] = [];
  timer.asking((error) => taken.push(error.code) > 0);
  timer.waiting();
  pass(3_000);
  assert.deepEqual(taken, ['first_token_timeout']);
  assert.equal(code(), undefined);
  timer.asking(() => false);
  timer.waiting();
  pass(1_000);
  assert.equal(code(), 'first_token_timeout');
});

test('nobody can take the time-out of the run', () => {
  const taken: string[] = [];
  timer.asking((error) => taken.push(error.code) > 0);
  timer.received();
  pass(5_000);
  assert.equal(code(), 'run_timeout');
  assert.deepEqual(taken, []);
});
