import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, test } from 'node:test';
import { AgentError } from '@switchboard/agent';
import type { Agent } from '@switchboard/agent';
import type { RunEvent } from '@switchboard/contract';
import { deferred, until } from '@switchboard/testkit';
import {
  HELLO,
  ModuleStage,
  ScriptedProvider,
  USED,
  collect,
  textsOf,
  usage,
} from '../../test/module-stage.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';

const REJECTED = new ProviderFailure('provider_rejected', 'No such model.', { retryable: false });

let stage: ModuleStage;
beforeEach(() => {
  stage = new ModuleStage();
});

test('a failure of the model is the failure of the run, also under a framework’s own error', async () => {
  const plain = stage.start(({ messages }, { model }) => model.stream({ messages }), {
    provider: new ScriptedProvider([REJECTED]),
  });
  const failure = { code: 'provider_rejected', message: 'No such model.' };
  await assert.rejects(collect(plain), failure);
  const wrapped = stage.start(
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
  const run = stage.start(
    async function* ({ messages }, { model }) {
      await model.complete({ messages }).catch(() => undefined);
      yield (await model.complete({ messages })).text;
      throw new Error('x');
    },
    { provider: new ScriptedProvider([REJECTED], [HELLO, USED]) },
  );
  await assert.rejects(collect(run), { code: 'agent_failed' });
});

test('fallbacks are those of the agent’s own choice, not of a model that a call names', async () => {
  const fallback = [{ provider: 'other', model: 'n' }];
  const away = new ProviderFailure('provider_unreachable', 'Away.', {
    retryable: true,
    elsewhere: true,
  });
  const own = new ScriptedProvider([away], [HELLO, USED]);
  const ask: Agent['run'] = ({ messages }, { model }) => model.stream({ messages });
  await collect(stage.start(ask, { provider: own, profile: { fallback } }));
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
  const run = stage.start(askNamed, { provider: named, profile: { fallback } });
  await assert.rejects(collect(run), { code: 'provider_unreachable' });
  assert.deepEqual(
    named.calls.map(({ body, provider }) => [provider, body.model]),
    [['third', 'x']],
  );
});

test('a conversation that has grown too long is shortened for the call, where the agent wants it', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const profile = { truncation: 'auto', context_tokens: 300, max_tokens: 50 };
  const run = stage.start(
    async function* ({ messages }, { model }) {
      const old = { role: 'user', content: 'word '.repeat(1_000) } as const;
      yield* model.stream({ messages: [old, { role: 'assistant', content: 'a' }, ...messages] });
    },
    { provider, profile },
  );
  await collect(run);
  assert.deepEqual(provider.calls[0]?.body.messages, [{ role: 'user', content: 'hello' }]);
});

test('a model that nothing names is the agent’s own failure, in words for its author', async () => {
  const run = stage.start(({ messages }, { model }) => model.stream({ messages }), {
    profile: { model: '' },
  });
  await assert.rejects(collect(run), { code: 'agent_failed', message: /names a model/ });
});

test('the agent’s defaults and its bound on tokens are in every call of a model', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const ask: Agent['run'] = ({ messages }, { model }) => model.stream({ messages, max_tokens: 50 });
  const profile = { max_tokens: 20, defaults: { temperature: 0.1 } };
  await collect(stage.start(ask, { provider, profile }));
  const body = provider.calls[0]?.body;
  assert.deepEqual([body?.['max_tokens'], body?.['temperature']], [20, 0.1]);
});

test('a call that the module leaves half read has cost something, whatever the run’s end', async () => {
  for (const fails of [false, true]) {
    const provider = new ScriptedProvider([HELLO, HELLO, USED]);
    const run = stage.start(
      async function* ({ messages }, { model }) {
        await model.stream({ messages }).next();
        const body = JSON.stringify({ messages, stream: true });
        const response = await model.fetch('http://any/v1/chat/completions', {
          method: 'POST',
          body,
        });
        await response.body?.getReader().read();
        yield '';
        if (fails) throw new AgentError('No.');
      },
      { provider },
    );
    const events: RunEvent[] = [];
    const read = async (): Promise<void> => {
      for await (const event of run) events.push(event);
    };
    if (fails) await assert.rejects(read, { message: 'No.' });
    else await read();
    const used = events.find((event) => event.type === 'usage');
    assert.equal(used?.estimated, true);
    assert.ok(used.usage.prompt_tokens > 0 && used.usage.completion_tokens >= 2);
    const line = stage.over.pop();
    assert.deepEqual(
      [provider.closed, line !== undefined && 'calls' in line && line.calls],
      [2, 2],
    );
  }
});

test('tokens of all calls are added up, those spent elsewhere too, and said before a failure', async () => {
  const run = stage.start(async function* ({ messages }, { model }) {
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
    stage.over.map(
      (entry) => 'calls' in entry && [entry.calls, 'outcome' in entry && entry.outcome],
    ),
    [[2, 'agent_failed']],
  );
});

test('a loop over the model ends at max_steps, though the module goes on for ever', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const run = stage.start(
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
  const run = stage.start(
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
  stage.stop.abort(new Error('the caller left'));
  await next;
  await until(() => tries === 101, { what: 'the module to be told' });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(tries, 101);
});

test('a call of a model that the module gives up ends alone, and the run goes on', async () => {
  const provider = new ScriptedProvider([]);
  const run = stage.start(
    async function* ({ messages }, { model }) {
      const signal = AbortSignal.timeout(10);
      yield await model.complete({ messages, signal }).then(
        () => 'answered',
        (thrown: Error) => thrown.name,
      );
      const init = { method: 'POST', body: JSON.stringify({ messages }), signal };
      const url = `${model.endpoint().baseURL}/chat/completions`;
      yield await model.fetch(url, init).then(
        () => 'answered',
        (thrown: Error) => thrown.name,
      );
    },
    { provider },
  );
  assert.deepEqual(await textsOf(run), ['TimeoutError', 'TimeoutError']);
  assert.equal(provider.closed, 1);
});

test('answers that a module leaves open are closed and counted when its run ends', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const ends: Record<string, () => unknown> = {
    returns: () => undefined,
    throws: () => {
      throw new AgentError('No.');
    },
  };
  for (const [index, [what, end]] of Object.entries(ends).entries()) {
    const run = stage.start(
      async function* ({ messages }, { model }) {
        await model.stream({ messages }).next();
        await model.fetch('http://any/v1/chat/completions', {
          method: 'POST',
          body: JSON.stringify({ messages, stream: true }),
        });
        yield 'a';
        end();
      },
      { provider },
    );
    const events: RunEvent[] = [];
    const reading = async (): Promise<void> => {
      for await (const event of run) events.push(event);
    };
    if (what === 'throws') await assert.rejects(reading(), { code: 'agent_failed' });
    else await reading();
    assert.equal(provider.closed, 2 * (index + 1), what);
    const used = events.filter((event) => event.type === 'usage');
    assert.deepEqual(
      used.map((event) => [event.usage.completion_tokens, event.estimated]),
      [[2, true]],
      what,
    );
    assert.equal(events.at(-1)?.type, what === 'throws' ? 'usage' : 'completed');
  }
  assert.deepEqual(
    stage.over.map((entry) => 'completionTokens' in entry && entry.completionTokens),
    [2, 2],
  );
});

test('an answer that a module hangs in is closed and counted though the module is left behind', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const [never, hangs] = [deferred(), deferred()];
  const run = stage.start(
    async function* ({ messages }, { model }) {
      yield 'a';
      for await (const event of model.stream({ messages })) {
        hangs.resolve();
        await never.promise;
        yield event;
      }
    },
    { provider, stopMs: 20 },
  );
  await run.next();
  const next = assert.rejects(run.next(), { message: 'the caller left' });
  await hangs.promise;
  stage.stop.abort(new Error('the caller left'));
  assert.equal(provider.closed, 1, 'in the same turn');
  assert.equal(getEventListeners(stage.stop.signal, 'abort').length, 0);
  await next;
  assert.deepEqual(
    stage.over.map((entry) => 'completionTokens' in entry && entry.completionTokens),
    [1],
  );
  never.resolve();
});

test('an unread answer of model.fetch is closed by the signal of its own call', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const run = stage.start(
    async function* ({ messages }, { model }) {
      const call = new AbortController();
      const answer = await model.fetch('http://any/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ messages, stream: true }),
        signal: call.signal,
      });
      call.abort(new Error('enough'));
      yield `${provider.closed} closed`;
      await assert.rejects(answer.text(), { message: 'enough' });
    },
    { provider },
  );
  assert.deepEqual(await textsOf(run), ['1 closed']);
});

test('whenever a call is cut off, it is closed once and counted once', async () => {
  for (const truncation of ['disabled', 'auto']) {
    let turns = 0;
    for (let isWhole = false; !isWhole; turns++) {
      const provider = new ScriptedProvider([HELLO, USED]);
      const run = stage.start(
        async function* ({ messages }, { model }) {
          const call = new AbortController();
          const answer = model.complete({ messages, signal: call.signal });
          const outcome = answer.then(
            () => (isWhole = true),
            (thrown: Error) => assert.equal(thrown.message, 'enough'),
          );
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          call.abort(new Error('enough'));
          await outcome;
          yield 'a';
        },
        { provider, profile: { truncation } },
      );
      const events = await collect(run);
      const used = events.filter(({ type }) => type === 'usage');
      const { length: asked } = provider.calls;
      assert.deepEqual([used.length, provider.closed], [asked, asked], `after ${turns} turns`);
    }
    assert.ok(turns > 5, 'it was never cut off');
  }
});

test('model.fetch refuses what it cannot answer, as OpenAI would', async () => {
  const provider = new ScriptedProvider([HELLO, USED]);
  const run = stage.start(
    async function* (_request, { model }) {
      const ask = async (path: string, body: string, method = 'POST') => {
        const init = method === 'GET' ? {} : { method, body };
        const answer = await model.fetch(`http://any/v1/${path}`, init);
        const { error } = (await answer.json()) as { error: { code: string } };
        return `${answer.status} ${error.code} `;
      };
      yield await ask('chat/completions', '', 'GET');
      yield await ask('embeddings', '{}');
      yield await ask('chat/completions', '{');
      yield await ask('chat/completions', '{"messages":"hello"}');
      yield await ask('chat/completions', '{"messages":[],"n":2}');
    },
    { provider },
  );
  const events = await collect(run);
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'text.delta' ? [event.text.trim()] : [])),
    [
      '404 unknown_route',
      '404 unknown_route',
      '400 invalid_request',
      '400 invalid_request',
      '400 invalid_request',
    ],
  );
  assert.equal(provider.calls.length, 0);
});
