import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, test } from 'node:test';
import { AgentError, defineAgent } from '@switchboard/agent';
import type { Agent } from '@switchboard/agent';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { deferred, until } from '@switchboard/testkit';
import type { Answer, ChatCall, ChatProvider } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import { OWN_TOOLS, ToolError } from '../tools/tool.ts';
import type { Tool } from '../tools/tool.ts';
import { CodeAgentRunner } from './code-agent-runner.ts';

const usage = (prompt: number, completion: number) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});
const HELLO: RunEvent = { type: 'text.delta', text: 'hello' };
const USED: RunEvent = { type: 'usage', usage: usage(2, 3) };
const END: RunEvent = { type: 'completed', finishReason: 'stop' };
const REJECTED = new ProviderFailure('provider_rejected', 'No such model.', { retryable: false });

/** Answers each call with the next script; the last one again and again. */
class ScriptedProvider implements ChatProvider {
  readonly calls: ChatCall[] = [];
  closed = 0;
  readonly #scripts: (readonly (RunEvent | Error)[])[];

  constructor(...scripts: (readonly (RunEvent | Error)[])[]) {
    this.#scripts = scripts;
  }

  open(call: ChatCall): Promise<Answer> {
    const script = this.#scripts[Math.min(this.calls.length, this.#scripts.length - 1)] ?? [];
    const steps = [...script];
    this.calls.push(call);
    call.onSend?.();
    return Promise.resolve({
      read: (into: RunEvent[]) => {
        const step = steps.shift();
        if (step === undefined) return onAbort(call.signal);
        if (step instanceof Error) return Promise.reject(step);
        into.push(step);
        if (step === USED) return Promise.resolve(into.push(END) === 0);
        return Promise.resolve(step !== END);
      },
      close: () => {
        this.closed += 1;
      },
    });
  }
}

function onAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const REQUEST: RunRequest = {
  v: 1,
  run: 'gate_0123456789abcdef012345',
  requestId: 'request-1',
  agent: 'poet',
  stream: true,
  queueTimeoutMs: 1_000,
  onDisconnect: 'cancel',
  resumeWindowMs: 0,
  chat: { messages: [{ role: 'user', content: 'hello' }], temperature: 0.5 },
};

let stop: AbortController;
let lines: { readonly message: string; readonly [field: string]: unknown }[];
let over: object[];

beforeEach(() => {
  stop = new AbortController();
  lines = [];
  over = [];
});

interface Setting {
  readonly provider?: ChatProvider;
  readonly profile?: object;
  readonly tools?: readonly Tool[];
  readonly stopMs?: number;
}

function start(run: Agent['run'], setting: Setting = {}): AsyncGenerator<RunEvent, void> {
  const { provider = new ScriptedProvider([HELLO, USED]), tools = [], stopMs = 5_000 } = setting;
  const agent = defineAgent({ name: 'poet', run });
  const fields = { name: 'poet', code: true, model: 'm', max_retries: 0, ...setting.profile };
  const profile = AgentProfile.parse(fields);
  const write = (entry: object, message: string): void => void lines.push({ ...entry, message });
  const log = { debug: write, info: write, warn: write, error: write };
  const runner = new CodeAgentRunner({
    find: (name) => (name === 'poet' ? { agent, profile } : undefined),
    provider,
    tools: { toolsFor: () => ({ tools, problems: [] }) },
    log,
    stopMs,
  });
  const runnerLog = { ...log, info: (entry: object) => void over.push(entry) };
  const context = { run: REQUEST.run, requestId: 'request-1', attempt: 1, log: runnerLog };
  return runner.run(REQUEST, { ...context, signal: stop.signal });
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test('what a module throws ends its run as agent_failed, and says nothing of it to anybody', async () => {
  const run = start(async function* () {
    yield 'half';
    throw new TypeError('PRIVATE');
  });
  assert.deepEqual(await run.next(), { value: { type: 'text.delta', text: 'half' }, done: false });
  await assert.rejects(run.next(), {
    code: 'agent_failed',
    message: 'The agent poet failed.',
  });
  assert.deepEqual(
    [lines[0]?.message, lines[0]?.['error']],
    ['an agent in code failed', 'TypeError'],
  );
  assert.match(String(lines[0]?.['stack']), /code-agent-runner\.spec/);
  assert.equal(JSON.stringify(lines).includes('PRIVATE'), false);
});

test('an AgentError is the caller’s to read: its code, message, field and time', async () => {
  const run = start(async function* () {
    yield '';
    const details = { code: 'agent_unavailable', retryAfter: 2, param: 'messages' } as const;
    throw new AgentError('The weather service\nis away.', details);
  });
  await assert.rejects(run.next(), {
    code: 'agent_unavailable',
    message: 'The weather service is away.',
    param: 'messages',
    retryAfterMs: 2_000,
  });
});

test('an AgentError of a version that we do not know is agent_failed', async () => {
  const run = start(async function* () {
    yield '';
    throw Object.assign(new AgentError('No.'), { code: 'worker_lost', retryAfter: 'soon' });
  });
  await assert.rejects(run.next(), {
    code: 'agent_failed',
    message: 'No.',
    retryAfterMs: undefined,
  });
});

test('a module that is no async generator, or throws at once, fails its run alone', async () => {
  const none = (() => undefined) as unknown as Agent['run'];
  await assert.rejects(start(none).next(), { code: 'agent_failed' });
  const throwing = (() => {
    throw new Error('x');
  }) as Agent['run'];
  await assert.rejects(start(throwing).next(), { code: 'agent_failed' });
});

test('a failure of the model is the failure of the run, also under a framework’s own error', async () => {
  const plain = start(({ messages }, { model }) => model.stream({ messages }), {
    provider: new ScriptedProvider([REJECTED]),
  });
  const failure = { code: 'provider_rejected', message: 'No such model.' };
  await assert.rejects(collect(plain), failure);
  const wrapped = start(
    async function* (request, { model }) {
      const answer = await model.fetch('http://any/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ messages: request.messages }),
      });
      yield '';
      throw new Error(`status ${answer.status}`);
    },
    { provider: new ScriptedProvider([REJECTED]) },
  );
  await assert.rejects(collect(wrapped), failure);
});

test('a failure of the model that the module got over is none of what it throws later', async () => {
  const run = start(
    async function* ({ messages }, { model }) {
      await model.complete({ messages }).catch(() => undefined);
      yield (await model.complete({ messages })).text;
      throw new Error('x');
    },
    { provider: new ScriptedProvider([REJECTED], [HELLO, USED]) },
  );
  await assert.rejects(collect(run), { code: 'agent_failed' });
});

test('text, reasoning and calls come in the order they are yielded, and one end', async () => {
  const run = start(async function* (request) {
    yield { type: 'reasoning', text: 'hm' };
    yield '';
    yield `${request.prompt} ${String(request.parameters['temperature'])}`;
    yield { type: 'tool_call', id: 'a', name: 'look', arguments: '{}' };
  });
  assert.deepEqual(await collect(run), [
    { type: 'reasoning.delta', text: 'hm' },
    { type: 'text.delta', text: 'hello 0.5' },
    { type: 'tool.call', index: 0, id: 'a', name: 'look', arguments: '{}' },
    { type: 'completed', finishReason: 'tool_calls' },
  ]);
});

test('fallbacks are those of the agent’s own choice, not of a model that a call names', async () => {
  const fallback = [{ provider: 'other', model: 'n' }];
  const away = new ProviderFailure('provider_unreachable', 'Away.', {
    retryable: true,
    elsewhere: true,
  });
  const own = new ScriptedProvider([away], [HELLO, USED]);
  const ask: Agent['run'] = ({ messages }, { model }) => model.stream({ messages });
  await collect(start(ask, { provider: own, profile: { fallback } }));
  assert.deepEqual(
    own.calls.map(({ body, provider }) => [provider, body.model]),
    [
      ['default', 'm'],
      ['other', 'n'],
    ],
  );
  const named = new ScriptedProvider([away], [HELLO, USED]);
  const askNamed: Agent['run'] = ({ messages }, { model }) =>
    model.stream({ messages, model: 'x', provider: 'third' });
  const run = start(askNamed, { provider: named, profile: { fallback } });
  await assert.rejects(collect(run), { code: 'provider_unreachable' });
  assert.deepEqual(
    named.calls.map(({ body, provider }) => [provider, body.model]),
    [['third', 'x']],
  );
});

test('a model that nothing names is the agent’s own failure, in words for its author', async () => {
  const run = start(({ messages }, { model }) => model.stream({ messages }), {
    profile: { model: '' },
  });
  await assert.rejects(run.next(), { code: 'agent_failed', message: /names a model/ });
});

test('the agent’s defaults and its bound on tokens are in every call of a model', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const ask: Agent['run'] = ({ messages }, { model }) => model.stream({ messages, max_tokens: 50 });
  const profile = { max_tokens: 20, defaults: { temperature: 0.1 } };
  await collect(start(ask, { provider, profile }));
  const body = provider.calls[0]?.body;
  assert.deepEqual([body?.['max_tokens'], body?.['temperature']], [20, 0.1]);
});

test('tokens of all calls are added up, those spent elsewhere too, and said before a failure', async () => {
  const run = start(async function* ({ messages }, { model }) {
    const answer = yield* model.stream({ messages });
    assert.deepEqual(answer.usage, usage(2, 3));
    await model.complete({ messages });
    yield { type: 'usage', usage: usage(100, 0) };
    throw new AgentError('No.');
  });
  const events: RunEvent[] = [];
  await assert.rejects(async () => {
    for await (const event of run) events.push(event);
  });
  assert.deepEqual(events.at(-1), { type: 'usage', usage: usage(104, 6) });
  assert.deepEqual(
    over.map((entry) => 'calls' in entry && [entry.calls, 'outcome' in entry && entry.outcome]),
    [[2, 'agent_failed']],
  );
});

test('a loop over the model ends at max_steps, though the module goes on for ever', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const run = start(
    async function* ({ messages }, { model, signal }) {
      for (;;) {
        await model.complete({ messages }).catch(() => undefined);
        if (signal.aborted) yield 'never';
      }
    },
    { provider, profile: { max_steps: 3 }, stopMs: 20 },
  );
  const events: RunEvent[] = [];
  await assert.rejects(
    async () => {
      for await (const event of run) events.push(event);
    },
    { code: 'too_many_steps', message: /more than 3 times/ },
  );
  assert.equal(provider.calls.length, 3);
  assert.deepEqual(events, [{ type: 'usage', usage: usage(6, 9) }]);
});

test('a module that tries again for ever when its run is over is told so often, and no more', async () => {
  let tries = 0;
  const run = start(
    async function* ({ messages }, { model }) {
      yield 'a';
      for (;;) {
        tries += 1;
        await model.complete({ messages }).catch(() => undefined);
      }
    },
    { provider: new ScriptedProvider([]), stopMs: 20 },
  );
  await run.next();
  const next = assert.rejects(run.next(), { message: 'the caller left' });
  await until(() => tries === 1, { what: 'the model to be called' });
  stop.abort(new Error('the caller left'));
  await next;
  await until(() => tries === 101, { what: 'the module to be told' });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(tries, 101);
});

test('a run that takes too long is a time-out, and its module and its call of a model end', async () => {
  const provider = new ScriptedProvider([HELLO]);
  let tidied = false;
  const run = start(
    async function* ({ messages }, { model }) {
      try {
        yield* model.stream({ messages });
      } finally {
        tidied = true;
      }
    },
    { provider, profile: { timeout: 0.05 } },
  );
  await run.next();
  const events: RunEvent[] = [];
  await assert.rejects(
    async () => {
      for await (const event of run) events.push(event);
    },
    { code: 'run_timeout' },
  );
  assert.deepEqual([tidied, provider.closed], [true, 1]);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['usage'],
    'what was cut off is accounted',
  );
});

test('a cancel ends the call of a model at once, also while the reader holds the run', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const run = start(({ messages }, { model }) => model.stream({ messages }), { provider });
  await run.next();
  const reason = new Error('the caller left');
  stop.abort(reason);
  await assert.rejects(run.next(), reason);
  assert.equal(provider.closed, 1);
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
});

test('a run cancelled before it begins never reaches its module', async () => {
  const reason = new Error('the caller left');
  stop.abort(reason);
  let begun = false;
  const run = start(async function* () {
    begun = true;
    yield '';
  });
  await assert.rejects(run.next(), reason);
  assert.equal(begun, false);
});

test('a module that goes on after its run is waited for a while, and then no more', async () => {
  const [never, waits] = [deferred(), deferred()];
  const run = start(
    async function* () {
      yield 'a';
      waits.resolve();
      await never.promise;
    },
    { stopMs: 20 },
  );
  await run.next();
  const reason = new Error('the caller left');
  const next = assert.rejects(run.next(), reason);
  await waits.promise;
  stop.abort(reason);
  await next;
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['an agent in code goes on after its run'],
  );
  never.resolve();
});

test('a reader that leaves ends the module, which may tidy up before the slot is free', async () => {
  const steps: string[] = [];
  const run = start(async function* (_request, { signal }) {
    try {
      yield 'a';
      yield 'b';
    } finally {
      steps.push(`aborted ${String(signal.aborted)}`);
      await Promise.resolve();
      steps.push('tidied');
    }
  });
  await run.next();
  await run.return();
  assert.deepEqual(steps, ['aborted true', 'tidied']);
});

test('a module goes on no faster than its events are taken', async () => {
  let made = 0;
  const run = start(async function* () {
    for (;;) {
      made += 1;
      yield 'a';
    }
  });
  for (let taken = 1; taken <= 3; taken++) {
    await run.next();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.ok(made <= taken + 1, `${made} were made when ${taken} were taken`);
  }
  await run.return();
});

test('a module that yields nothing for ever lets others run, and ends', async () => {
  let turns = 0;
  const count = setInterval(() => (turns += 1), 1);
  const run = start(async function* () {
    for (;;) yield '';
  });
  await assert.rejects(run.next(), { code: 'agent_failed', message: /said too often/ });
  clearInterval(count);
  assert.ok(turns > 0, 'the event loop had no turn');
});

const tool = (name: string, answer: () => Promise<string>): Tool => ({
  name,
  description: 'A tool.',
  parameters: { type: 'object' },
  source: OWN_TOOLS,
  sideEffects: false,
  run: answer,
});

test('calls of tools are events between the module’s own, and failures are told to the model', async () => {
  const look = tool('look', () => Promise.resolve('blue'));
  const fail = tool('fail', () => Promise.reject(new ToolError('The sky is gone.')));
  const run = start(
    async function* (_request, { tools }) {
      yield 'a';
      yield await tools.call('look', { at: 'sky' });
      await assert.rejects(tools.call('fail', {}), {
        name: 'ToolError',
        message: 'The sky is gone.',
      });
      const called = (id: string, name: string) =>
        ({ id, type: 'function', function: { name, arguments: '{}' } }) as const;
      const messages = await tools.answer([called('1', 'look'), called('2', 'fail')]);
      yield messages.map(({ content }) => content).join(', ');
    },
    { tools: [look, fail] },
  );
  const events = await collect(run);
  const shown = events.map((event) =>
    'name' in event ? `${event.type} ${event.name}` : event.type,
  );
  assert.deepEqual(shown.slice(0, 6), [
    'text.delta',
    'tool.started look',
    'tool.result',
    'text.delta',
    'tool.started fail',
    'tool.result',
  ]);
  assert.deepEqual(events.at(-2), { type: 'text.delta', text: 'blue, The sky is gone.' });
});

test('the same call has the same id in every attempt, and another one another', async () => {
  const idsOf = async (): Promise<unknown[]> => {
    const run = start(
      async function* (_request, { tools }) {
        for (const at of ['sky', 'sea', 'sky']) yield await tools.call('look', { at });
      },
      { tools: [tool('look', () => Promise.resolve('blue'))] },
    );
    const events = await collect(run);
    return events.flatMap((event) => (event.type === 'tool.started' ? [event.id] : []));
  };
  const [first, second] = [await idsOf(), await idsOf()];
  assert.deepEqual(first, second);
  assert.equal(new Set(first).size, 3);
});

test('a cancel inside a tool ends the run at once, though the tool does not listen', async () => {
  let begun = false;
  const deaf = tool('deaf', () => {
    begun = true;
    return new Promise(() => {});
  });
  const run = start(
    async function* (_request, { tools }) {
      yield await tools.call('deaf', {});
    },
    { tools: [deaf] },
  );
  const reason = new Error('the caller left');
  const outcome = assert.rejects(collect(run), reason);
  await until(() => begun, { what: 'the tool to be called' });
  stop.abort(reason);
  await outcome;
  assert.deepEqual(lines, [], 'nothing is left behind');
});
