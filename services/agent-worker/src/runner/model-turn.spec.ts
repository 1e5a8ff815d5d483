import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { Answer, ChatCall } from './chat-provider.ts';
import { ModelTurn } from './model-turn.ts';
import { RunAccount } from './run-account.ts';
import { RunTimer, limitsOf } from './run-timer.ts';

const PROFILE = AgentProfile.parse({ name: 'a', model: 'm', max_retries: 0, idle_timeout: 0.3 });
const END: RunEvent = { type: 'completed', finishReason: 'stop' };

let nowMs = 0;
let timer: RunTimer;
let call: ChatCall;
let turn: ModelTurn;
/** The answer is there, whole. */
let whole: PromiseWithResolvers<void>;

beforeEach(() => {
  nowMs = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
  const signal = new AbortController().signal;
  timer = new RunTimer(limitsOf(PROFILE, false), signal, () => nowMs);
  const log = { info: () => {}, warn: () => {} };
  const context = { run: 'gate_1', requestId: 'request-1', attempt: 1, signal, log };
  whole = Promise.withResolvers();
  turn = new ModelTurn({
    provider: { open: (opened) => answer(opened) },
    profile: PROFILE,
    body: { model: 'm', messages: [], stream: false },
    timer,
    context,
    account: new RunAccount(context, 'a'),
    random: () => 0,
  });
});

afterEach(() => {
  turn.close();
  timer.close();
  mock.timers.reset();
});

/** Has its headers at once, and ends when it is whole or given up. */
function answer(opened: ChatCall): Promise<Answer> {
  call = opened;
  opened.signal.addEventListener('abort', () => whole.reject(opened.signal.reason), { once: true });
  return Promise.resolve({
    read: async (into: RunEvent[]) => {
      await whole.promise;
      into.push(END);
      return false;
    },
    close: () => {},
  });
}

function pass(ms: number): void {
  nowMs += ms;
  mock.timers.tick(ms);
}

test('an answer without a stream lives as long as pieces of it come', async () => {
  const events: RunEvent[] = [];
  const reading = turn.read(events);
  await nextTurn();
  for (let piece = 0; piece < 10; piece += 1) {
    pass(290);
    call.onPiece?.();
  }
  whole.resolve();
  assert.equal(await reading, false);
  assert.deepEqual(events.at(-1), END);
});

test('an answer without a stream that falls silent behind its headers is given up', async () => {
  const reading = assert.rejects(turn.read([]), { code: 'idle_timeout' });
  await nextTurn();
  pass(290);
  call.onPiece?.();
  pass(290);
  assert.equal(timer.signal.aborted, false);
  pass(10);
  await reading;
});
