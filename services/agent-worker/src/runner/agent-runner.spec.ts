import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { AgentRunner } from './agent-runner.ts';
import type { Answer, ChatCall, ChatProvider } from './chat-provider.ts';
import { ProviderFailure } from './provider-failure.ts';

const TOKEN: RunEvent = { type: 'text.delta', text: 'hello' };
const END: RunEvent = { type: 'completed', finishReason: 'stop' };

function limited(retryAfterMs?: number): ProviderFailure {
  const message = 'The model endpoint limits our rate of requests.';
  return new ProviderFailure('provider_rate_limited', message, { retryable: true, retryAfterMs });
}

/** One list of steps for each call: events and failures, in the order they come. */
class ScriptedProvider implements ChatProvider {
  readonly calls: ChatCall[] = [];
  closed = 0;
  readonly #scripts: (RunEvent | Error)[][];

  constructor(...scripts: (RunEvent | Error)[][]) {
    this.#scripts = scripts;
  }

  open(call: ChatCall): Promise<Answer> {
    const steps = [...(this.#scripts[this.calls.length] ?? [END])];
    this.calls.push(call);
    return Promise.resolve({
      read: (into: RunEvent[]) => {
        const step = steps.shift() ?? END;
        if (step instanceof Error) return Promise.reject(step);
        into.push(step);
        return Promise.resolve(step !== END);
      },
      close: () => {
        this.closed += 1;
      },
    });
  }
}

const REQUEST: RunRequest = {
  v: 1,
  run: 'gate_0123456789abcdef012345',
  requestId: 'request-1',
  agent: 'assistant',
  stream: true,
  queueTimeoutMs: 1_000,
  onDisconnect: 'cancel',
  resumeWindowMs: 0,
  chat: { messages: [{ role: 'user', content: 'hello' }] },
};

let stop: AbortController;
let waits: object[];

beforeEach(() => {
  stop = new AbortController();
  waits = [];
  mock.timers.enable({ apis: ['setTimeout'] });
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

function start(provider: ChatProvider, fields: Record<string, unknown> = {}, agent = 'assistant') {
  const profile = AgentProfile.parse({ name: 'assistant', model: 'm', ...fields });
  const runner = new AgentRunner([profile], provider, () => 1);
  const log = {
    warn: () => {},
    info: (entry: object) => void ('waitMs' in entry && waits.push(entry)),
  };
  const context = { run: REQUEST.run, requestId: 'request-1', attempt: 1, log };
  return runner.run({ ...REQUEST, agent }, { ...context, signal: stop.signal });
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** Lets everything happen that needs no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

test('an agent that is not in the profiles is model_not_found, without a call', async () => {
  const provider = new ScriptedProvider();
  await assert.rejects(start(provider, {}, 'nobody').next(), { code: 'model_not_found' });
  assert.equal(provider.calls.length, 0);
});

test('retries wait 0.5, 1 and 2 seconds at most, and then the answer is as if first', async () => {
  const provider = new ScriptedProvider([limited()], [limited()], [limited()], [TOKEN, END]);
  const events = collect(start(provider, { max_retries: 3 }));
  for (const [retry, waitMs] of [500, 1_000, 2_000].entries()) {
    await settle();
    mock.timers.tick(waitMs - 1);
    await settle();
    assert.equal(provider.calls.length, retry + 1);
    mock.timers.tick(1);
    await settle();
    assert.equal(provider.calls.length, retry + 2);
  }
  assert.deepEqual(await events, [TOKEN, END]);
  assert.deepEqual(
    waits.map((entry) => 'waitMs' in entry && entry.waitMs),
    [500, 1_000, 2_000],
  );
});

test('when the retries are used up the last failure is the outcome', async () => {
  const provider = new ScriptedProvider([limited()], [limited(7)], [TOKEN, END]);
  const outcome = assert.rejects(collect(start(provider, { max_retries: 1 })), {
    code: 'provider_rate_limited',
    retryAfterMs: 7,
  });
  await settle();
  mock.timers.tick(500);
  await outcome;
  assert.equal(provider.calls.length, 2);
});

test('the provider is never called again once something has been shown', async () => {
  const cut = new ProviderFailure('provider_stream_cut', 'cut', { retryable: true });
  const provider = new ScriptedProvider([TOKEN, cut], [TOKEN, END]);
  const run = start(provider);
  assert.deepEqual(await run.next(), { value: TOKEN, done: false });
  await assert.rejects(collect(run), { code: 'provider_stream_cut' });
  assert.equal(provider.calls.length, 1);
});

test('a run that fails says what it has used before it does, a cancelled one says nothing', async () => {
  const rejected = new ProviderFailure('provider_rejected', 'no', { retryable: false });
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const failed = start(new ScriptedProvider([rejected]));
  assert.deepEqual((await failed.next()).value, { type: 'usage', usage });
  await assert.rejects(failed.next(), { code: 'provider_rejected' });
  const cancelled = start(new ScriptedProvider([TOKEN, TOKEN, END]));
  await cancelled.next();
  stop.abort(new Error('the caller left'));
  await assert.rejects(cancelled.next(), { message: 'the caller left' });
});

test('what cannot pass is not retried', async () => {
  const rejected = new ProviderFailure('provider_rejected', 'no', { retryable: false });
  const provider = new ScriptedProvider([rejected], [TOKEN, END]);
  await assert.rejects(collect(start(provider)), { code: 'provider_rejected' });
  assert.equal(provider.calls.length, 1);
});

test('a longer Retry-After than thirty seconds fails at once and says when', async () => {
  const provider = new ScriptedProvider([limited(31_000)], [TOKEN, END]);
  await assert.rejects(collect(start(provider)), {
    code: 'provider_rate_limited',
    retryAfterMs: 31_000,
  });
});

test('a wait that would outlast the first-token limit fails at once with its reason', async () => {
  const provider = new ScriptedProvider([limited(20_000)], [TOKEN, END]);
  const run = start(provider, { first_token_timeout: 10 });
  await assert.rejects(collect(run), { code: 'provider_rate_limited', retryAfterMs: 20_000 });
});

test('an abort ends a retry wait at once, without another call', async () => {
  const provider = new ScriptedProvider([limited()], [TOKEN, END]);
  const reason = new Error('the caller left');
  const outcome = assert.rejects(start(provider).next(), reason);
  await settle();
  stop.abort(reason);
  await outcome;
  assert.equal(provider.calls.length, 1);
});

test('every answer is closed, whether it failed, ended or was left by its reader', async () => {
  const provider = new ScriptedProvider([limited(0)], [TOKEN, TOKEN, END]);
  const run = start(provider);
  const first = run.next();
  await settle();
  mock.timers.tick(1);
  await first;
  assert.equal(provider.closed, 1);
  await run.return();
  assert.equal(provider.closed, 2);
});

test('an aborted run shows nothing more, even if more has been read', async () => {
  const provider = new ScriptedProvider([TOKEN, TOKEN, END]);
  const run = start(provider);
  await run.next();
  const reason = new Error('the caller left');
  stop.abort(reason);
  await assert.rejects(run.next(), reason);
});

test('an answer that comes when its provider has just been given up is not shown', async () => {
  const first = Promise.withResolvers<RunEvent>();
  const asked: (string | undefined)[] = [];
  const provider: ChatProvider = {
    open: ({ provider: name }) => {
      asked.push(name);
      const steps = name === 'default' ? [first.promise] : [{ ...TOKEN, text: 'help' }, END];
      const read = async (into: RunEvent[]): Promise<boolean> => {
        const step = await (steps.shift() ?? END);
        into.push(step);
        return step !== END;
      };
      return Promise.resolve({ read, close: () => {} });
    },
  };
  const fallback = [{ provider: 'other', model: 'm' }];
  const events = collect(start(provider, { first_token_timeout: 1, fallback }));
  await settle();
  const late = performance.now() + 1_100;
  mock.method(performance, 'now', () => late);
  mock.timers.tick(1_000);
  first.resolve(TOKEN);
  assert.deepEqual(await events, [{ ...TOKEN, text: 'help' }, END]);
  assert.deepEqual(asked, ['default', 'other']);
});
