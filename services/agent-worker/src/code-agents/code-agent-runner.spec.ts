import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, test } from 'node:test';
import { AgentError } from '@switchboard/agent';
import type { Agent } from '@switchboard/agent';
import type { RunEvent } from '@switchboard/contract';
import { deferred } from '@switchboard/testkit';
import { HELLO, ModuleStage, ScriptedProvider, collect, usage } from '../../test/module-stage.ts';

let stage: ModuleStage;
beforeEach(() => {
  stage = new ModuleStage();
});

test('what a module throws ends its run as agent_failed, and says nothing of it to anybody', async () => {
  const run = stage.start(async function* () {
    yield 'half';
    throw new TypeError('PRIVATE');
  });
  assert.deepEqual(await run.next(), { value: { type: 'text.delta', text: 'half' }, done: false });
  await assert.rejects(collect(run), {
    code: 'agent_failed',
    message: 'The agent poet failed.',
  });
  assert.deepEqual(
    [stage.lines[0]?.message, stage.lines[0]?.['error']],
    ['an agent in code failed', 'TypeError'],
  );
  assert.match(String(stage.lines[0]?.['stack']), /code-agent-runner\.spec/);
  assert.equal(JSON.stringify(stage.lines).includes('PRIVATE'), false);
});

test('a run that fails before it calls a model says that it has used nothing', async () => {
  const run = stage.start(async function* () {
    yield 'half';
    throw new Error('x');
  });
  const events: RunEvent[] = [];
  await assert.rejects(
    async () => {
      for await (const event of run) events.push(event);
    },
    { code: 'agent_failed' },
  );
  assert.deepEqual(events, [
    { type: 'text.delta', text: 'half' },
    { type: 'usage', usage: usage(0, 0) },
  ]);
});

test('an AgentError is the caller’s to read: its code, message, field and time', async () => {
  const run = stage.start(async function* () {
    yield '';
    const details = { code: 'agent_unavailable', retryAfter: 2, param: 'messages' } as const;
    throw new AgentError('The weather service\nis away.', details);
  });
  await assert.rejects(collect(run), {
    code: 'agent_unavailable',
    message: 'The weather service is away.',
    param: 'messages',
    retryAfterMs: 2_000,
  });
});

test('an AgentError of a version that we do not know is agent_failed', async () => {
  const run = stage.start(async function* () {
    yield '';
    throw Object.assign(new AgentError('No.'), { code: 'worker_lost', retryAfter: 'soon' });
  });
  await assert.rejects(collect(run), {
    code: 'agent_failed',
    message: 'No.',
    retryAfterMs: undefined,
  });
});

test('a module that is no async generator, or throws at once, fails its run alone', async () => {
  const none = (() => undefined) as unknown as Agent['run'];
  await assert.rejects(collect(stage.start(none)), { code: 'agent_failed' });
  const throwing = (() => {
    throw new Error('x');
  }) as Agent['run'];
  await assert.rejects(collect(stage.start(throwing)), { code: 'agent_failed' });
});

test('text, reasoning and calls come in the order they are yielded, and one end', async () => {
  const run = stage.start(async function* (request) {
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

test('a run that takes too long is a time-out, and its module and its call of a model end', async () => {
  const provider = new ScriptedProvider([HELLO]);
  let tidied = false;
  const run = stage.start(
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

test('a module that hangs on a call that it has half read is accounted for that call', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const never = deferred();
  const run = stage.start(
    async function* ({ messages }, { model }) {
      await model.stream({ messages }).next();
      yield '';
      await never.promise;
    },
    { provider, profile: { timeout: 0.05 }, stopMs: 1 },
  );
  const { value: used } = await run.next();
  assert.ok(used?.type === 'usage' && used.usage.completion_tokens === 1);
  await assert.rejects(run.next(), { code: 'run_timeout' });
  never.resolve();
});

test('a cancel ends the call of a model at once, also while the reader holds the run', async () => {
  const provider = new ScriptedProvider([HELLO]);
  const run = stage.start(({ messages }, { model }) => model.stream({ messages }), { provider });
  await run.next();
  const reason = new Error('the caller left');
  stage.stop.abort(reason);
  await assert.rejects(run.next(), reason);
  assert.equal(provider.closed, 1);
  assert.equal(getEventListeners(stage.stop.signal, 'abort').length, 0);
});

test('a run cancelled before it begins never reaches its module', async () => {
  const reason = new Error('the caller left');
  stage.stop.abort(reason);
  let begun = false;
  const run = stage.start(async function* () {
    begun = true;
    yield '';
  });
  await assert.rejects(run.next(), reason);
  assert.equal(begun, false);
});

test('a module that goes on after its run is waited for a while, and then no more', async () => {
  const [never, waits] = [deferred(), deferred()];
  const run = stage.start(
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
  stage.stop.abort(reason);
  await next;
  assert.deepEqual(
    stage.lines.map(({ message }) => message),
    ['an agent in code goes on after its run'],
  );
  never.resolve();
});

test('a reader that leaves ends the module, which may tidy up before the slot is free', async () => {
  const steps: string[] = [];
  const run = stage.start(async function* (_request, { signal }) {
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
  const run = stage.start(async function* () {
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
  const run = stage.start(async function* () {
    for (;;) yield '';
  });
  await assert.rejects(collect(run), { code: 'agent_failed', message: /said too often/ });
  clearInterval(count);
  assert.ok(turns > 0, 'the event loop had no turn');
});
