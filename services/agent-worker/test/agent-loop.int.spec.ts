import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { deferred, until } from '@switchboard/testkit';
import { ToolError } from '../src/tools/tool.ts';
import { callerTool, partsOf, stepsOf, textOf, toolOf } from './own-tools.ts';
import { codeOf, collect, startRig } from './worker-rig.ts';
import type { Rig, RunOptions } from './worker-rig.ts';

const REASON = new Error('the caller left');

let rig: Rig;
let gate = deferred<string>();
let signals: AbortSignal[] = [];
let called: string[] = [];

const noted = (name: string, output: string) =>
  toolOf(name, () => {
    called.push(name);
    return Promise.resolve(output);
  });
const TOOLS = [
  noted('ping', 'pong'),
  noted('pong', 'ping'),
  noted('huge', 'x'.repeat(10_000_000)),
  noted('deep', '['.repeat(1_000_000)),
  toolOf('broken', () => Promise.reject(new ToolError('It is broken.'))),
  toolOf('deaf', (_, { signal }) => {
    signals.push(signal);
    return gate.promise;
  }),
];
const PROFILE = {
  max_retries: 0,
  tools: TOOLS.map(({ name }) => name),
  max_steps: 4,
  max_tool_calls: 6,
};

before(async () => {
  rig = await startRig(PROFILE, 10, partsOf(TOOLS));
});
after(() => rig.close());
beforeEach(async () => {
  gate = deferred();
  signals = [];
  called = [];
  await fetch(`${rig.url}/reset`, { method: 'POST' });
});

async function run(script: string, options: RunOptions = {}): Promise<RunEvent[]> {
  return await collect(rig.run(script, options));
}

async function modelCalls(): Promise<number> {
  return (await rig.stats()).started;
}

/** What the model was sent in its last call, which `text=request` makes it say. */
function lastRequest(events: readonly RunEvent[]): {
  readonly messages: readonly Record<string, unknown>[];
  readonly tools: readonly { readonly function: { readonly name: string } }[];
  readonly tool_choice?: unknown;
} {
  return JSON.parse(textOf(events)) as ReturnType<typeof lastRequest>;
}

for (const stream of [true, false]) {
  const form = stream ? 'streamed' : 'in one piece';

  test(`the model is told what its tools gave, ${form}`, async () => {
    const events = await run('tool=ping+pong,call_id=c,text=request', { stream });
    const tools = stepsOf(events).filter((type) => type.startsWith('tool.'));
    assert.deepEqual(tools.toSorted(), [
      'tool.result',
      'tool.result',
      'tool.started',
      'tool.started',
    ]);
    const [, assistant, ...results] = lastRequest(events).messages;
    assert.equal(assistant?.['role'], 'assistant');
    assert.deepEqual(results, [
      { role: 'tool', tool_call_id: 'c', content: 'pong' },
      { role: 'tool', tool_call_id: 'c_1', content: 'ping' },
    ]);
    assert.deepEqual(events.at(-1)?.type, 'completed');
  });
}

test('usage is that of all steps', async () => {
  const events = await run('tool=ping,tokens=7');
  const totals = events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []));
  assert.equal(totals.length, 2);
  const [first, both] = totals;
  assert.ok(first !== undefined && both !== undefined);
  // The second call alone has seven tokens, and a longer prompt than the first.
  assert.equal(both.completion_tokens, first.completion_tokens + 7);
  assert.ok(both.prompt_tokens > 2 * first.prompt_tokens);
  const details = both['completion_tokens_details'] as { reasoning_tokens: number };
  assert.equal(details.reasoning_tokens, 0);
});

test('a model that always calls tools is asked max_steps times, and then it is too_many_steps', async () => {
  assert.equal(await codeOf(rig.run('tool=ping,always=1')), 'too_many_steps');
  assert.equal(await modelCalls(), 4);
  assert.equal(called.length, 3, 'the last call is not made');
});

test('two tools that call for each other end as well', async () => {
  assert.equal(await codeOf(rig.run('tool=ping>pong,always=1')), 'too_many_steps');
  assert.deepEqual(called, ['ping', 'pong', 'ping']);
});

test('a model that obeys ends in words, because it may not call in its last step', async () => {
  // It has one call more in mind than there are steps before the last.
  const events = await run('tool=ping>pong>broken>deep,text=request');
  assert.equal(lastRequest(events).tool_choice, 'none');
  assert.equal(events.at(-1)?.type, 'completed');
  assert.equal(await modelCalls(), 4);
});

test('calls beyond max_tool_calls are not made, and the next step is the last', async () => {
  const events = await run('tool=ping+pong+ping+pong+ping+pong+ping+pong,text=request');
  assert.equal(called.length, 6);
  const request = lastRequest(events);
  assert.equal(request.tool_choice, 'none');
  assert.match(String(request.messages.at(-1)?.['content']), /used up its 6 calls/);
  assert.equal(await modelCalls(), 2);
});

test('ten megabytes of output, and JSON a million deep, are cut and the run goes on', async () => {
  for (const name of ['huge', 'deep']) {
    const events = await run(`tool=${name},text=request`);
    const content = String(lastRequest(events).messages.at(-1)?.['content']);
    assert.ok(content.length < 33_000 && content.includes('cut: these are the first'));
  }
});

test('arguments that nest too deep are told to the model, which never sees them again', async () => {
  const args = `{"a":${'['.repeat(200)}${']'.repeat(200)}}`;
  const events = await run(`tool=ping,text=request,args=${args}`);
  const [, assistant, result] = lastRequest(events).messages;
  assert.match(String(result?.['content']), /nested deeper/);
  assert.ok(!JSON.stringify(assistant).includes('[[['));
  assert.deepEqual(called, []);
});

test('a failing tool is told to the model', async () => {
  const events = await run('tool=broken,text=request');
  assert.equal(lastRequest(events).messages.at(-1)?.['content'], 'It is broken.');
  const result = events.find(({ type }) => type === 'tool.result');
  assert.ok(result?.type === 'tool.result' && result.failed === true);
});

test("a call of the caller's tool ends the run as without tools of the agent's own", async () => {
  const chat = { tools: [callerTool('weather')] };
  const events = await run('tool=ping+weather,call_id=c', { chat });
  const calls = events.filter(({ type }) => type === 'tool.call');
  assert.deepEqual(
    calls.map((call) => (call.type === 'tool.call' ? [call.index, call.name, call.id] : [])),
    [[0, 'weather', 'c_1']],
  );
  assert.deepEqual(called, [], 'the caller could not tell the model what it gave');
  const end = events.at(-1);
  assert.ok(end?.type === 'completed' && end.finishReason === 'tool_calls');
  assert.equal(await modelCalls(), 1);
});

test("the caller's tools are there in every step", async () => {
  const chat = { tools: [callerTool('weather')] };
  const events = await run('tool=ping>weather', { chat });
  assert.deepEqual(called, ['ping']);
  const call = events.find(({ type }) => type === 'tool.call');
  assert.ok(call?.type === 'tool.call' && call.name === 'weather' && call.index === 0);
});

test("a tool of the caller's with the name of an own one is refused, by its place", async () => {
  const chat = { tools: [callerTool('weather'), callerTool('ping')] };
  await assert.rejects(run('tokens=1', { chat }), {
    code: 'invalid_request',
    param: 'tools[1].function.name',
  });
  assert.equal(await modelCalls(), 0);
});

test('tool_choice may insist on an own tool: it is called once, and not for ever', async () => {
  for (const choice of ['required', { type: 'function', function: { name: 'pong' } }]) {
    called = [];
    const events = await run('text=request', { chat: { tool_choice: choice } });
    assert.equal(called.length, 1);
    assert.equal(lastRequest(events).tool_choice, 'auto');
  }
  assert.deepEqual(called, ['pong']);
});

test('an answer that is cut in the middle of a call ends as cut', async () => {
  const events = await run('tool=ping,finish=length');
  const end = events.at(-1);
  assert.ok(end?.type === 'completed' && end.finishReason === 'length');
  assert.deepEqual(called, []);
});

test('a cancel inside a tool ends the run at once, though the tool is deaf', async () => {
  const abort = new AbortController();
  const outcome = assert.rejects(run('tool=deaf', { signal: abort.signal }), REASON);
  await until(() => signals.length === 1, { what: 'the tool to be called' });
  abort.abort(REASON);
  await outcome;
  assert.equal(signals[0]?.aborted, true);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  gate.reject(new Error('too late to be heard'));
  assert.equal(await modelCalls(), 1);
});

test('a cancel between two steps ends the run, and the model is not asked again', async () => {
  const abort = new AbortController();
  const outcome = rig.run('tool=ping', { signal: abort.signal });
  for (;;) {
    const { value } = await outcome.next();
    assert.ok(value !== undefined);
    if (value.type === 'tool.result') break;
  }
  abort.abort(REASON);
  await assert.rejects(outcome.next(), REASON);
  assert.equal(await modelCalls(), 1);
});

test('a reader that leaves inside a tool ends the tool', async () => {
  const outcome = rig.run('tool=deaf');
  for (;;) {
    const { value } = await outcome.next();
    if (value?.type === 'tool.started') break;
  }
  const next = outcome.next();
  await until(() => signals.length === 1, { what: 'the tool to be called' });
  gate.resolve('done');
  assert.equal((await next).value?.type, 'tool.result');
  await outcome.return();
  assert.equal((await rig.stats()).running, 0);
});

test('the time of the run is over inside a tool, too', async () => {
  const short = await startRig({ ...PROFILE, timeout: 0.5 }, 1, partsOf(TOOLS));
  assert.equal(await codeOf(short.run('tool=deaf')), 'run_timeout');
  const [signal] = signals;
  assert.equal(signal?.aborted, true);
  await short.close();
});

test('a tool that is slow is no silence of the model', async () => {
  const limits = { idle_timeout: 0.05, first_token_timeout: 5 };
  const patient = await startRig({ ...PROFILE, ...limits }, 1, partsOf(TOOLS));
  const outcome = collect(patient.run('tool=deaf,tokens=1'));
  await until(() => signals.length === 1, { what: 'the tool to be called' });
  // Longer than the model may be silent.
  setTimeout(() => gate.resolve('at last'), 200);
  assert.equal((await outcome).at(-1)?.type, 'completed');
  await patient.close();
});

test('an agent without own tools sends what it always sent', async () => {
  const plain = await startRig({}, 1, partsOf(TOOLS));
  const events = await collect(plain.run('text=request'));
  assert.equal('tools' in lastRequest(events), false);
  await plain.close();
});
