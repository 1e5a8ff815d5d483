import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, mock, test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { deferred } from '@switchboard/testkit';
import type { CallLog } from '../runner/runner-context.ts';
import { ARGUMENTS_CHARS_MAX, ARGUMENTS_DEPTH_MAX } from './tool-input.ts';
import { OUTPUT_CHARS_MAX } from './output-limit.ts';
import { ToolCalls } from './tool-calls.ts';
import type { ToolLimits } from './tool-calls.ts';
import { OWN_TOOLS, ToolError } from './tool.ts';
import type { Tool, ToolCallRequest } from './tool.ts';

let events: RunEvent[];
let warnings: { readonly fields: object; readonly message: string }[];
let stop: AbortController;

beforeEach(() => {
  events = [];
  warnings = [];
  stop = new AbortController();
});

function toolOf(name: string, run: Tool['run'], fields: Partial<Tool> = {}): Tool {
  const parameters = { type: 'object' };
  const plain = { description: '', parameters, source: OWN_TOOLS, sideEffects: false };
  return { name, ...plain, ...fields, run };
}

const echo = toolOf('echo', (input) => Promise.resolve(JSON.stringify(input)));

interface CallsOptions extends Partial<ToolLimits> {
  readonly attempt?: number;
  readonly calls?: CallLog;
}

function callsOf(tools: readonly Tool[], options: CallsOptions = {}): ToolCalls {
  const { attempt = 1, calls, ...limits } = options;
  const log = {
    info: () => {},
    warn: (fields: object, message: string) => void warnings.push({ fields, message }),
  };
  const { signal } = stop;
  const names = { run: 'gate_0', requestId: 'request-1', attempt };
  return new ToolCalls({
    tools,
    limits: { max_parallel_tools: 4, max_tool_calls: 8, tool_timeout: 30, ...limits },
    context: { ...names, signal, log, ...(calls === undefined ? {} : { calls }) },
    signal,
    emit: (event) => {
      events.push(event);
      return Promise.resolve();
    },
  });
}

let ids = 0;
function call(name: string, args = '{}', id = `call_${(ids += 1)}`): ToolCallRequest {
  return { id, name, arguments: args };
}

async function outcomeOf(tool: Tool, args = '{}'): Promise<{ output: string; failed: boolean }> {
  const [outcome] = await callsOf([tool]).run([call(tool.name, args)]);
  assert.ok(outcome !== undefined);
  return { output: outcome.output, failed: outcome.failed };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

test('what a model writes wrongly is told to it, and no tool is called', async () => {
  const never = toolOf('echo', () => Promise.reject(new Error('called')));
  const deep = '['.repeat(ARGUMENTS_DEPTH_MAX + 1) + ']'.repeat(ARGUMENTS_DEPTH_MAX + 1);
  const long = JSON.stringify('x'.repeat(ARGUMENTS_CHARS_MAX));
  for (const [request, said] of [
    [call('nobody'), /no tool of this name/],
    [call('echo', '{"a":'), /not valid JSON/],
    [call('echo', deep), /nested deeper than 64/],
    [call('echo', long), /longer than 65536/],
  ] as const) {
    const [outcome] = await callsOf([never]).run([request]);
    assert.ok(outcome?.failed === true);
    assert.match(outcome.output, said);
  }
});

test('arguments that nest a million deep do not exhaust the stack', async () => {
  const { failed } = await outcomeOf(echo, '['.repeat(ARGUMENTS_CHARS_MAX));
  assert.equal(failed, true);
});

test('no arguments at all are those of a tool that has none', async () => {
  assert.deepEqual(await outcomeOf(echo, ''), { output: '{}', failed: false });
});

test('a ToolError is told to the model; any other error only that there was one', async () => {
  const refused = toolOf('a', () => Promise.reject(new ToolError('No such city.')));
  assert.deepEqual(await outcomeOf(refused), { output: 'No such city.', failed: true });
  const broken = toolOf('a', () => {
    throw new TypeError('secret-4711');
  });
  assert.deepEqual(await outcomeOf(broken), { output: 'The tool failed.', failed: true });
  assert.ok(warnings.length === 1 && !JSON.stringify(warnings).includes('secret-4711'));
});

test('a tool that gives no text has failed', async () => {
  const odd = toolOf('a', () => Promise.resolve(7 as unknown as string));
  assert.deepEqual(await outcomeOf(odd), { output: 'The tool failed.', failed: true });
});

test('ten megabytes of output are cut, for model and caller alike, and say so', async () => {
  const huge = toolOf('a', () => Promise.resolve('😀'.repeat(5_000_000)));
  const { output } = await outcomeOf(huge);
  assert.ok(output.length < OUTPUT_CHARS_MAX + 100);
  assert.match(output, /cut: these are the first 32768 of 10000000 characters/);
  assert.ok(output.isWellFormed());
  const result = events.find(({ type }) => type === 'tool.result');
  assert.ok(result?.type === 'tool.result' && result.output === output);
});

test('every call is shown before it begins and when it has ended', async () => {
  const seen: string[] = [];
  const tool = toolOf('echo', () => {
    seen.push(...events.map(({ type }) => type));
    return Promise.resolve('yes');
  });
  await callsOf([tool]).run([call('echo', '{"a":1}', 'call_x')]);
  assert.deepEqual(seen, ['tool.started']);
  assert.deepEqual(events, [
    { type: 'tool.started', id: 'call_x', name: 'echo', source: OWN_TOOLS, arguments: '{"a":1}' },
    { type: 'tool.result', id: 'call_x', output: 'yes' },
  ]);
});

test('no more run at once than allowed, all run, and outcomes keep their order', async () => {
  const gates = Array.from({ length: 6 }, () => deferred<string>());
  let [running, most, begun] = [0, 0, 0];
  const tool = toolOf('slow', async (input) => {
    running += 1;
    begun += 1;
    most = Math.max(most, running);
    const output = await gates[input as number]?.promise;
    running -= 1;
    return output ?? '';
  });
  const calls = callsOf([tool], { max_parallel_tools: 2 });
  const outcomes = calls.run(gates.map((_, index) => call('slow', String(index))));
  await settle();
  assert.equal(begun, 2);
  for (const [index, gate] of [...gates.entries()].toReversed()) gate.resolve(`${index}`);
  assert.deepEqual(
    (await outcomes).map(({ output }) => output),
    ['0', '1', '2', '3', '4', '5'],
  );
  assert.deepEqual([most, begun], [2, 6]);
});

test('calls beyond the limit of the run are not made, and the model is told', async () => {
  let made = 0;
  const tool = toolOf('a', () => Promise.resolve(`${(made += 1)}`));
  const calls = callsOf([tool], { max_tool_calls: 3 });
  await calls.run([call('a'), call('a')]);
  assert.equal(calls.left, 1);
  const outcomes = await calls.run([call('a'), call('a')]);
  assert.deepEqual([outcomes[0]?.failed, outcomes[1]?.failed], [false, true]);
  assert.match(outcomes[1]?.output ?? '', /used up its 3 calls/);
  assert.equal(made, 3);
});

test('the end of the run ends a call at once, also of a tool that ignores its signal', async () => {
  const reason = new Error('the caller left');
  let signal: AbortSignal | undefined;
  const deaf = toolOf('deaf', (_, context) => {
    ({ signal } = context);
    return new Promise(() => {});
  });
  // The second waits for its place meanwhile.
  const outcome = callsOf([deaf], { max_parallel_tools: 1 }).run([call('deaf'), call('deaf')]);
  await settle();
  stop.abort(reason);
  await assert.rejects(outcome, reason);
  assert.ok(signal?.aborted === true && signal.reason === reason);
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  await settle();
  assert.equal(events.length, 1, 'the second never began, and no result was shown');
});

test('a call that takes too long is told as such, and the run goes on', async (context) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => mock.timers.reset());
  for (const [ownMs, seconds] of [
    [undefined, 3],
    [2_000, 2],
    [60_000, 3],
  ] as const) {
    let signal: AbortSignal | undefined;
    const run: Tool['run'] = (_, { signal: given }) => {
      signal = given;
      return new Promise(() => {});
    };
    const tool = toolOf('deaf', run, { timeoutMs: ownMs });
    const outcomes = callsOf([tool], { tool_timeout: 3 }).run([call('deaf')]);
    await settle();
    mock.timers.tick(seconds * 1_000 - 1);
    await settle();
    assert.equal(signal?.aborted, false);
    mock.timers.tick(1);
    const [outcome] = await outcomes;
    assert.equal(outcome?.output, `The tool took longer than ${seconds} seconds and was stopped.`);
    assert.ok(outcome.failed && signal.aborted);
  }
});

test('a tool with side effects begins only when the log knows that it does', async () => {
  const stored = deferred();
  let called = false;
  const tool = toolOf(
    'send',
    () => {
      called = true;
      return Promise.resolve('sent');
    },
    { sideEffects: true },
  );
  const calls = { stored: () => stored.promise, earlierCalls: () => Promise.resolve(new Map()) };
  const outcomes = callsOf([tool], { calls }).run([call('send')]);
  await settle();
  assert.deepEqual([called, events.length], [false, 1]);
  stored.resolve();
  assert.equal((await outcomes)[0]?.output, 'sent');
});

test('a call with side effects is made once for its id, however often a model repeats it', async () => {
  let made = 0;
  const run = (): Promise<string> => Promise.resolve(`${(made += 1)}`);
  const calls = callsOf([toolOf('send', run, { sideEffects: true })]);
  const [one, two] = await calls.run([call('send', '{}', 'same'), call('send', '{}', 'same')]);
  const [three] = await calls.run([call('send', '{}', 'same')]);
  assert.deepEqual([one?.output, two?.output, three?.output, made], ['1', '1', '1', 1]);
});

test('what an earlier attempt had begun is not begun again', async () => {
  let made = 0;
  const run = (): Promise<string> => Promise.resolve(`${(made += 1)}`);
  const send = toolOf('send', run, { sideEffects: true });
  const earlier = new Map([
    ['done', { output: 'sent', failed: false }],
    ['lost', {}],
  ]);
  const calls = {
    stored: () => Promise.resolve(),
    earlierCalls: () => Promise.resolve(earlier),
  };
  const requests = [call('send', '{}', 'done'), call('send', '{}', 'lost'), call('send')];
  const [done, lost, other] = await callsOf([send], { calls, attempt: 2 }).run(requests);
  assert.deepEqual([done?.output, done?.failed], ['sent', false]);
  assert.match(lost?.output ?? '', /outcome is not known/);
  assert.deepEqual([lost?.failed, other?.output, made], [true, '1', 1]);
});

test('when the log cannot tell what was begun, nothing with side effects is', async () => {
  const never = toolOf('send', () => Promise.reject(new Error('called')), { sideEffects: true });
  const calls = {
    stored: () => Promise.resolve(),
    earlierCalls: () => Promise.reject(new Error('away')),
  };
  const [outcome] = await callsOf([never], { calls, attempt: 2 }).run([call('send')]);
  assert.match(outcome?.output ?? '', /cannot be told/);
  // What changes nothing is simply called.
  const [read] = await callsOf([echo], { calls, attempt: 2 }).run([call('echo')]);
  assert.equal(read?.failed, false);
});
