import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { seededRandom, testSeed, until } from '@switchboard/testkit';
import { collect, portOf, runAgainst, startRig } from './worker-rig.ts';
import type { Rig, RunOptions } from './worker-rig.ts';

let rig: Rig;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

before(async () => {
  process.on('unhandledRejection', onUnhandled);
  rig = await startRig({ max_retries: 5 });
});
after(async () => {
  await rig.close();
  process.off('unhandledRejection', onUnhandled);
  assert.deepEqual(unhandled, []);
});
beforeEach(async () => {
  await fetch(`${rig.url}/reset`, { method: 'POST' });
});

const REASON = new Error('the caller left');

/** Starts a run, aborts it when the simulator's numbers say so, and expects the abort's reason. */
async function cancelWhen(
  script: string,
  when: (stats: Awaited<ReturnType<Rig['stats']>>) => boolean,
  options: RunOptions = {},
): Promise<void> {
  const abort = new AbortController();
  const outcome = assert.rejects(collect(rig.run(script, { ...options, signal: abort.signal })), {
    message: REASON.message,
  });
  await until(async () => when(await rig.stats()), { what: `${script} to be under way` });
  abort.abort(REASON);
  await outcome;
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
}

/** The provider has seen the socket close and nothing runs there any more. */
async function seesAborted(count: number): Promise<void> {
  const closed = async () => {
    const { aborted, running } = await rig.stats();
    return aborted === count && running === 0;
  };
  await until(closed, { what: 'the provider to see the socket close' });
}

test('a run cancelled before it begins never reaches the provider', async () => {
  const abort = AbortSignal.abort(REASON);
  await assert.rejects(collect(rig.run('tokens=1', { signal: abort })), REASON);
  assert.equal((await rig.stats()).started, 0);
});

test('a cancel while the headers are waited for closes the socket', async () => {
  await cancelWhen('hang=1', ({ running }) => running === 1);
  await seesAborted(1);
});

test('a cancel before the first token closes the socket', async () => {
  await cancelWhen('think=60s', ({ running }) => running === 1);
  await seesAborted(1);
});

test('a cancel between two tokens closes the socket', async () => {
  await cancelWhen('tokens=1000,pace=20ms', ({ tokens }) => tokens >= 3);
  await seesAborted(1);
});

test('a cancel during a flood of tokens closes the socket', async () => {
  await cancelWhen('tokens=100000,pace=0', ({ tokens }) => tokens >= 100);
  await seesAborted(1);
});

test('a cancel of an answer in one piece closes the socket', async () => {
  await cancelWhen('think=60s', ({ running }) => running === 1, { stream: false });
  await seesAborted(1);
});

test('a cancel while half of an answer in one piece is here closes the socket', async () => {
  const requestId = 'stalled-half';
  const options = { stream: false, requestId };
  await cancelWhen(
    'stall=1,tokens=50',
    ({ running, tokens }) => running === 1 && tokens >= 1,
    options,
  );
  await seesAborted(1);
});

test('a cancel in a retry wait ends the run, and the provider is not called again', async () => {
  await cancelWhen('error=429,retry_after=20', ({ faulted }) => faulted === 1);
  assert.deepEqual(await counts(), { started: 1, running: 0 });
});

test('a cancel closes the socket also while the reader holds the run', async () => {
  const abort = new AbortController();
  const run = rig.run('tokens=1000,pace=10ms', { signal: abort.signal });
  await run.next();
  // Nobody asks for the next event: the socket must not wait for it.
  abort.abort(REASON);
  await seesAborted(1);
  await assert.rejects(run.next(), REASON);
});

test('a reader that leaves closes the socket without any signal', async () => {
  const run = rig.run('tokens=1000,pace=10ms');
  await run.next();
  await run.return();
  await seesAborted(1);
});

test('a cancel while the connection is being made ends the run', async () => {
  // It takes the connection and never answers the handshake.
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const port = portOf(silent);
  const abort = new AbortController();
  const connecting = once(silent, 'connection');
  const run = collect(runAgainst(`https://127.0.0.1:${port}/v1`, abort.signal));
  await connecting;
  abort.abort(REASON);
  await assert.rejects(run, REASON);
  silent.close();
  for (const socket of sockets) socket.destroy();
});

test('a run cancelled while every connection is taken never reaches the provider', async () => {
  const narrow = await startRig({}, 1);
  const busy = new AbortController();
  const first = assert.rejects(collect(narrow.run('hang=1', { signal: busy.signal })), REASON);
  await until(async () => (await narrow.stats()).running === 1, { what: 'it to be taken' });
  const abort = new AbortController();
  const waiting = collect(narrow.run('tokens=1', { signal: abort.signal }));
  setImmediate(() => abort.abort(REASON));
  await assert.rejects(waiting, REASON);
  assert.equal((await narrow.stats()).started, 1);
  busy.abort(REASON);
  await first;
  await narrow.close();
});

test('a thousand runs on one signal leave no listener, no socket and no run behind', async () => {
  const parent = new AbortController();
  const { signal } = parent;
  let completed = 0;
  const worker = async (share: number): Promise<void> => {
    for (let index = 0; index < share; index++) {
      await collect(rig.run('tokens=2', { signal }));
      completed += 1;
    }
  };
  await Promise.all(Array.from({ length: 10 }, () => worker(100)));
  assert.equal(completed, 1_000);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.ok((await rig.stats()).openSockets <= 12, 'at most one socket a slot, and ours to ask');
  assert.deepEqual(await counts(), { started: 1_000, running: 0 });
});

test('cancels at a thousand random moments leave nothing running', async (context) => {
  const random = seededRandom(testSeed(context));
  let cancelled = 0;
  const one = async (): Promise<void> => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(REASON), random.next() * 10);
    try {
      await collect(rig.run('tokens=3,pace=1ms', { signal: abort.signal }));
    } catch (thrown) {
      assert.equal(thrown, REASON);
      cancelled += 1;
    } finally {
      clearTimeout(timer);
    }
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  };
  const worker = async (): Promise<void> => {
    for (let index = 0; index < 100; index++) await one();
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  assert.ok(cancelled > 0, 'none was cancelled');
  await until(async () => (await rig.stats()).running === 0, { what: 'nothing to run' });
});

async function counts(): Promise<{ started: number; running: number }> {
  const { started, running } = await rig.stats();
  return { started, running };
}
