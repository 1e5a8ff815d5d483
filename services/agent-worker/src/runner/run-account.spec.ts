import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { RunAccount } from './run-account.ts';

let lines: object[];
let stop: AbortController;
let account: RunAccount;

beforeEach(() => {
  lines = [];
  stop = new AbortController();
  const log = { info: (fields: object) => void lines.push(fields), warn: () => {} };
  const names = { run: 'gate_1', requestId: 'request-1', attempt: 1 };
  account = new RunAccount({ ...names, signal: stop.signal, log }, 'assistant');
});

const usage = (prompt: number, completion: number, more: object = {}) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...more,
});

test('the first call is said as the provider said it', () => {
  const said = usage(7, 3, { prompt_tokens_details: { cached_tokens: 5 }, x_cache: 'hit' });
  account.add({ usage: said });
  assert.deepEqual(account.takeEvent(), { type: 'usage', usage: said });
});

test('what was added stays as it was, whatever becomes of the object', () => {
  const details = { cached_tokens: 5 };
  const said = usage(7, 3, { prompt_tokens_details: details });
  account.add({ usage: said });
  said.prompt_tokens = 0;
  details.cached_tokens = 0;
  account.add({ usage: usage(1, 1) });
  const total = usage(8, 4, { prompt_tokens_details: { cached_tokens: 5 } });
  assert.deepEqual(account.takeEvent(), { type: 'usage', usage: total });
});

test('the event is the total of all calls, details too, and comes once for each change', () => {
  account.add({ usage: usage(7, 3, { prompt_tokens_details: { cached_tokens: 5 }, tier: 'a' }) });
  account.takeEvent();
  assert.equal(account.takeEvent(), undefined);
  account.add({
    usage: usage(10, 20, { prompt_tokens_details: { cached_tokens: 1, audio_tokens: 2 } }),
    cost: 0.25,
    estimated: true,
  });
  account.add({ usage: usage(1, 1), cost: 0.5 });
  assert.deepEqual(account.takeEvent(), {
    type: 'usage',
    usage: usage(18, 24, {
      prompt_tokens_details: { cached_tokens: 6, audio_tokens: 2 },
      tier: 'a',
    }),
    cost: 0.75,
    estimated: true,
  });
});

test('a null of one call does not take away what another has said', () => {
  account.add({ usage: usage(1, 1, { prompt_tokens_details: { cached_tokens: 5 } }) });
  account.add({ usage: usage(1, 1, { prompt_tokens_details: null }) });
  const { usage: total } = account.takeEvent() ?? assert.fail();
  assert.deepEqual(total['prompt_tokens_details'], { cached_tokens: 5 });
});

test('a run that failed says its total, also that there was none', () => {
  assert.deepEqual(account.takeFinal(), { type: 'usage', usage: usage(0, 0) });
  account.add({ usage: usage(7, 3) });
  assert.deepEqual(account.takeFinal(), { type: 'usage', usage: usage(7, 3) });
  assert.equal(account.takeFinal(), undefined);
});

test('nothing used is no event, but a line', () => {
  assert.equal(account.takeEvent(), undefined);
  account.end('provider_auth');
  account.close();
  const [line] = lines;
  assert.ok(line !== undefined && 'outcome' in line && !('promptTokens' in line));
  assert.equal(line.outcome, 'provider_auth');
});

test('one line is logged, with the first outcome', () => {
  account.calls = 3;
  account.retries = 1;
  account.fallbacks = 1;
  account.add({ usage: usage(7, 3), cost: 0.5, estimated: true });
  account.end('idle_timeout');
  account.end('completed');
  account.close();
  account.close();
  assert.deepEqual(lines, [
    {
      run: 'gate_1',
      requestId: 'request-1',
      attempt: 1,
      agent: 'assistant',
      outcome: 'idle_timeout',
      calls: 3,
      retries: 1,
      fallbacks: 1,
      promptTokens: 7,
      completionTokens: 3,
      cost: 0.5,
      estimated: true,
    },
  ]);
});

test('a run that was stopped says by what', () => {
  class RunCancelled extends Error {
    override readonly name = 'RunCancelled';
  }
  stop.abort(new RunCancelled());
  account.close();
  const [line] = lines;
  assert.ok(line !== undefined && 'outcome' in line && 'reason' in line);
  assert.deepEqual([line.outcome, line.reason], ['stopped', 'RunCancelled']);
});
