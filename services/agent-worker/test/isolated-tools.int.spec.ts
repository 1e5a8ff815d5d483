import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { until } from '@switchboard/testkit';
import { IsolatedTools } from '../src/tools/isolated-tools.ts';
import { OUTPUT_CHARS_MAX } from '../src/tools/output-limit.ts';
import { ToolError } from '../src/tools/tool.ts';
import { partsOf, stepsOf, toolOf } from './own-tools.ts';
import { collect, startRig } from './worker-rig.ts';

const MODULE = new URL('isolated-samples.ts', import.meta.url).href;
const threads = new IsolatedTools({ threads: 2, memoryMib: 48 });
const never = new AbortController().signal;

after(() => threads.close());

const run = (name: string, input: unknown = {}, signal = never): Promise<string> =>
  threads.run({ module: MODULE, name, input }, signal);

/** A pool of one thread, which stands idle. */
async function oneThread(t: TestContext, options: { waitingMax?: number } = {}) {
  const pool = new IsolatedTools({ threads: 1, memoryMib: 48, ...options });
  const close = (): Promise<void> => pool.close();
  t.after(close);
  const call = (name: string, input: unknown = {}, signal = never): Promise<string> =>
    pool.run({ module: MODULE, name, input }, signal);
  const begun = once(process, 'worker') as Promise<[Worker]>;
  await call('burn', { ms: 1 });
  const [thread] = await begun;
  return { call, close, thread };
}

/** After it, what found a free thread is in it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The word that `ambush` waits for. */
function spring(): void {
  const channel = new BroadcastChannel('ambush');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- It is no window.
  channel.postMessage('now');
  channel.close();
}

test('an export is a function, or an object with run; what is no text comes as JSON', async () => {
  assert.equal(await run('burn', { ms: 1 }), 'true');
  assert.equal(await run('definition', { value: 2 }), '{"product":6}');
});

test('a loop without an end is ended by the signal, and the thread is back', async () => {
  const stops = [new AbortController(), new AbortController(), new AbortController()];
  const reason = new Error('the run is over');
  // The third has to wait for a thread.
  const outcomes = stops.map(({ signal }) => assert.rejects(run('spin', {}, signal), reason));
  for (const stop of stops.toReversed()) stop.abort(reason);
  await Promise.all(outcomes);
  for (const { signal } of stops) assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.equal(await run('burn', { ms: 1 }), 'true');
});

test('a call that is aborted before it begins is not made', async () => {
  const reason = new Error('the run is over');
  await assert.rejects(run('leave', {}, AbortSignal.abort(reason)), reason);
});

test('a call that eats memory is ended, told to the model, and nothing else is', async () => {
  const beside = run('burn', { ms: 300 });
  await assert.rejects(run('eat'), (error) => {
    return error instanceof ToolError && /more memory/.test(error.message);
  });
  assert.equal(await beside, 'true');
});

test('a tool that ends its thread has failed, and the next one runs', async () => {
  await assert.rejects(run('leave'), (error) => !(error instanceof ToolError));
  assert.equal(await run('burn', { ms: 1 }), 'true');
});

test('what a call has left behind ends its thread, and not the process', async (t) => {
  const { call, thread } = await oneThread(t);
  assert.equal(await call('ambush'), 'laid');
  // Not `once`, which rejects with the thread's error.
  const gone = new Promise((resolve) => thread.once('exit', resolve));
  spring();
  await gone;
  assert.equal(await call('burn', { ms: 1 }), 'true');
});

test('a call in the thread that another call’s leavings end has failed', async (t) => {
  const { call } = await oneThread(t);
  await call('ambush');
  const failed = assert.rejects(call('never'), { name: 'RangeError' });
  spring();
  await failed;
  assert.equal(await call('burn', { ms: 1 }), 'true');
});

test('a call that waits is made when the one before it is aborted', async (t) => {
  const { call } = await oneThread(t);
  const blocker = new AbortController();
  const outcomes = [
    assert.rejects(call('spin', {}, blocker.signal), { name: 'AbortError' }),
    call('burn', { ms: 1 }, new AbortController().signal),
  ];
  await turn();
  blocker.abort();
  assert.deepEqual(await Promise.all(outcomes), [undefined, 'true']);
});

test('calls are made in order, and no more wait than may', async (t) => {
  const { call } = await oneThread(t, { waitingMax: 3 });
  const blocker = new AbortController();
  const blocked = assert.rejects(call('spin', {}, blocker.signal), { name: 'AbortError' });
  const leaver = new AbortController();
  const leaving = assert.rejects(call('count', {}, leaver.signal), { name: 'AbortError' });
  const first = call('count', {}, new AbortController().signal);
  const second = call('count', {}, new AbortController().signal);
  await turn();
  const refused = /^Too many tools are computing now/;
  await assert.rejects(call('count'), { name: 'ToolError', message: refused });
  leaver.abort();
  await leaving;
  // Room for one more, who comes last with a signal or without.
  const third = call('count');
  await assert.rejects(call('count'), { name: 'ToolError', message: refused });
  blocker.abort();
  assert.deepEqual(await Promise.all([first, second, third]), ['1', '2', '3']);
  await blocked;
});

test('with the pool end the calls in it and those that wait, and none begins a thread', async (t) => {
  const { call, close } = await oneThread(t);
  const outcomes = ['spin', 'count', 'count', 'count'].map((name) => call(name));
  await turn();
  const begun = t.mock.fn();
  process.on('worker', begun);
  const settled = Promise.allSettled(outcomes);
  await close();
  assert.ok((await settled).every(({ status }) => status === 'rejected'));
  process.off('worker', begun);
  assert.equal(begun.mock.callCount(), 0);
});

test('what a tool tells the model is told; another error keeps its name only', async () => {
  await assert.rejects(run('told'), (error) => {
    return error instanceof ToolError && error.message === 'No such city.';
  });
  await assert.rejects(run('broken'), { name: 'TypeError', message: 'an isolated tool failed' });
  await assert.rejects(run('nothing'), { name: 'TypeError' });
});

test('ten megabytes of output are cut where they are made', async () => {
  assert.ok((await run('huge')).length < OUTPUT_CHARS_MAX + 100);
});

test('input that cannot go to a thread fails, and does not throw past the caller', async () => {
  await assert.rejects(run('burn', { ms: () => 1 }), { name: 'DataCloneError' });
});

test('while a tool computes, the tokens of another run go on coming', async () => {
  const burning = toolOf('burn', (_, { signal }) => run('burn', { ms: 5_000 }, signal));
  const rig = await startRig({ tools: ['burn'] }, 10, partsOf([burning]));
  const computing = rig.run('tool=burn');
  let isDone = false;
  const outcome = collect(computing).finally(() => (isDone = true));
  await until(async () => (await rig.stats()).started === 1, { what: 'the first run' });
  let tokens = 0;
  for await (const { type } of rig.run('tokens=100,pace=20ms')) {
    if (type === 'text.delta' && !isDone) tokens += 1;
  }
  assert.equal(tokens, 100, 'all of them while the tool computes');
  assert.deepEqual(stepsOf(await outcome).at(-1), 'completed');
  await rig.close();
});
