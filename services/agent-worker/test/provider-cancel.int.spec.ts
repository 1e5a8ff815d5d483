/** Cancels and bounds between the runner and its providers. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { seededRandom, testSeed, until } from '@switchboard/testkit';
import type { Providers } from '../src/llm/providers.ts';
import { startProviderRig } from './provider-rig.ts';
import type { Ask, ProviderName, ProviderRig } from './provider-rig.ts';

let rig: ProviderRig;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

before(async () => {
  process.on('unhandledRejection', onUnhandled);
  rig = await startProviderRig();
});
after(async () => {
  await rig.close();
  process.off('unhandledRejection', onUnhandled);
  assert.deepEqual(unhandled, []);
});
beforeEach(async () => {
  for (const url of Object.values(rig.urls)) await fetch(`${url}/reset`, { method: 'POST' });
  rig.takeLines();
});

class RunCancelled extends Error {
  override readonly name = 'RunCancelled';
}
const REASON = new RunCancelled('the caller left');

/** Starts a run, cancels it when `when` holds, and expects that nothing of it is left. */
async function cancelWhen(
  providers: Providers,
  ask: Omit<Ask, 'signal'>,
  when: () => Promise<boolean> | boolean,
): Promise<void> {
  const abort = new AbortController();
  const outcome = rig.outcome(providers, { ...ask, signal: abort.signal });
  await until(when, { what: 'the run to be where it is cancelled' });
  abort.abort(REASON);
  const { error } = await outcome;
  assert.equal(error, REASON);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  for (const { running, waiting } of providers.states) assert.deepEqual([running, waiting], [0, 0]);
}

/** Started and running calls of a provider, when those that were cut off have been noticed. */
async function quiet(name: ProviderName): Promise<number> {
  await until(async () => (await rig.stats(name)).running === 0, { what: 'the socket to close' });
  return (await rig.stats(name)).started;
}

const running = (name: ProviderName) => async () => (await rig.stats(name)).running === 1;
const FALLBACK = [{ provider: 'b', model: 'tokens=1' }];

describe('a cancel', () => {
  test('in the wait for a retry ends the run: nobody is called again, nor the next one', async () => {
    const fields = { max_retries: 3, fallback: FALLBACK };
    const ask = { script: 'error=429,retry_after=5', fields };
    let waits = false;
    await cancelWhen(rig.providers(), ask, () => {
      waits ||= rig.takeLines().some(({ message }) => message === 'calling the provider again');
      return waits;
    });
    assert.deepEqual([await quiet('a'), await quiet('b')], [1, 0]);
  });

  for (const [where, model] of [
    ['before its headers', 'hang=1'],
    ['before its first token', 'think=60s'],
    ['in its answer', 'tokens=1000,pace=20ms'],
  ] as const) {
    test(`during a fallback, ${where}, closes the socket and asks nobody else`, async () => {
      const fallback = [{ provider: 'b', model }, ...FALLBACK];
      const ask = { script: 'error=503', fields: { fallback } };
      await cancelWhen(rig.providers(), ask, running('b'));
      assert.deepEqual([await quiet('a'), await quiet('b')], [1, 1]);
      assert.equal((await rig.stats('b')).aborted, 1);
    });
  }

  test('is told apart from failures in the line of the run, with what it has used', async () => {
    const ask = { script: 'tokens=1000,pace=20ms' };
    const some = async () => (await rig.stats('a')).tokens >= 3;
    await cancelWhen(rig.providers(), ask, some);
    const line = rig.takeLines().find(({ message }) => message === 'run over');
    assert.deepEqual(
      [line?.['outcome'], line?.['reason'], line?.['calls'], line?.['estimated']],
      ['stopped', 'RunCancelled', 1, true],
    );
    assert.ok(Number(line?.['promptTokens']) > 0);
  });

  test('while it waits for a place: the request is never sent, and costs nothing', async () => {
    const providers = rig.providers({ connections: 1 });
    const busy = new AbortController();
    const first = rig.outcome(providers, { script: 'hang=1', signal: busy.signal });
    await until(running('a'), { what: 'the place to be taken' });
    const abort = new AbortController();
    const second = rig.outcome(providers, { script: 'tokens=1', signal: abort.signal });
    await until(() => providers.states[0]?.waiting === 1, { what: 'the second to wait' });
    rig.takeLines();
    abort.abort(REASON);
    assert.equal((await second).error, REASON);
    const line = rig.takeLines().find(({ message }) => message === 'run over');
    assert.deepEqual([line?.['calls'], line?.['promptTokens']], [0, undefined]);
    busy.abort(REASON);
    await first;
    assert.equal(await quiet('a'), 1);
  });
});

describe('the bound on calls at once', () => {
  test('holds, and who came first is served first', async () => {
    const providers = rig.providers({ connections: 2 });
    const served: number[] = [];
    const runs = Array.from({ length: 8 }, async (_, index) => {
      const outcome = await rig.outcome(providers, { script: 'tokens=2,pace=5ms' });
      served.push(index);
      return outcome.code;
    });
    assert.ok((await Promise.all(runs)).every((code) => code === 'completed'));
    assert.ok((await rig.stats('a')).maxRunning <= 2);
    for (const [place, index] of served.entries()) assert.ok(Math.abs(place - index) <= 2);
  });

  test('is part of the wait for the first token, and the next provider has its own', async () => {
    const providers = rig.providers({ connections: 1 });
    const busy = new AbortController();
    const first = rig.outcome(providers, { script: 'hang=1', signal: busy.signal });
    await until(running('a'), { what: 'the place to be taken' });
    const fields = { first_token_timeout: 1, fallback: FALLBACK };
    const { code, calls } = await rig.outcome(providers, { script: 'tokens=1', fields });
    assert.deepEqual([code, calls], ['completed', { a: 0, b: 1 }]);
    const alone = await rig.outcome(providers, {
      script: 'tokens=1',
      fields: { first_token_timeout: 1 },
    });
    assert.deepEqual([alone.code, alone.used], ['first_token_timeout', undefined]);
    busy.abort(REASON);
    await first;
  });

  test('is not waited for while the circuit is open', async () => {
    const providers = rig.providers({ connections: 1 });
    const stop = new AbortController();
    const ill = Array.from({ length: 8 }, () => {
      return rig.outcome(providers, { script: 'error=500', signal: stop.signal });
    });
    const codes = (await Promise.all(ill)).map(({ code }) => code);
    assert.deepEqual(codes, [
      ...Array.from({ length: 5 }, () => 'provider_error'),
      ...Array.from({ length: 3 }, () => 'provider_unavailable'),
    ]);
    assert.equal(await quiet('a'), 5);
    // Another model takes the place: who is refused does not wait for that.
    const busy = rig.outcome(providers, { script: 'hang=1', signal: stop.signal });
    await until(running('a'), { what: 'the place to be taken' });
    const refused = await rig.outcome(providers, { script: 'error=500' });
    assert.equal(refused.code, 'provider_unavailable');
    stop.abort(REASON);
    await busy;
  });

  test('gets its place back from a reader that leaves between two events', async () => {
    const providers = rig.providers({ connections: 1 });
    const run = rig.run(providers, { script: 'tokens=1000,pace=20ms' });
    await run.next();
    assert.equal(providers.states[0]?.running, 1);
    await run.return();
    assert.equal(providers.states[0]?.running, 0);
    await quiet('a');
    assert.equal((await rig.stats('a')).aborted, 1);
  });
});

test('endpoints that are replaced serve their runs to the end, and those that stay keep their state', async () => {
  const providers = rig.providers();
  await Promise.all(
    Array.from({ length: 5 }, () => rig.outcome(providers, { script: 'error=500' })),
  );
  const slow = rig.outcome(providers, {
    script: 'tokens=1',
    fields: { provider: 'b', model: 'tokens=20,pace=10ms' },
  });
  await until(running('b'), { what: 'the run to be under way' });
  const shared = { apiKey: 'key-for-tests', connections: 10, prices: {} };
  const a = { name: 'a', baseUrl: `${rig.urls.a}/v1`, ...shared };
  providers.replace([a, { name: 'b', baseUrl: `${rig.urls.a}/v1`, ...shared }]);
  assert.equal((await slow).code, 'completed');
  assert.equal(providers.states[0]?.circuits.get('error=500'), 'open');
  const moved = await rig.outcome(providers, {
    script: 'x=1',
    fields: { provider: 'b', model: 'tokens=1' },
  });
  assert.deepEqual(moved.calls, { a: 1, b: 0 });
});

test('whatever fails and whoever leaves, runs end, nobody is called in vain, and no place is lost', async (context) => {
  const random = seededRandom(testSeed(context));
  const providers = rig.providers({ connections: 3 });
  const scripts = ['tokens=2', 'tokens=3,pace=1ms', 'error=503', 'error=400', 'cut=0', 'cut=1'];
  const one = async (): Promise<void> => {
    const script = random.pick(scripts);
    const fallback = random.next() < 0.7 ? [{ provider: 'b', model: random.pick(scripts) }] : [];
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(REASON), random.int(0, 60));
    const fields = { fallback, max_retries: random.int(0, 1) };
    const outcome = await rig.outcome(providers, { script, fields, signal: abort.signal });
    clearTimeout(timer);
    const { calls, code, events } = outcome;
    const shown = events.some(({ type }) => type === 'text.delta');
    // Once something is shown, or the request itself is at fault, nobody else is asked.
    if (script === 'tokens=2' && calls.a > 0 && shown) assert.equal(calls.b, 0);
    if (script === 'error=400' && code === 'provider_rejected' && calls.a === 1) {
      assert.equal(calls.b, 0);
    }
    assert.ok(calls.a <= 2 && calls.b <= 2);
    if (fallback.length === 0) assert.equal(calls.b, 0);
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  };
  const user = async (): Promise<void> => {
    for (let run = 0; run < 25; run++) await one();
  };
  await Promise.all(Array.from({ length: 8 }, user));
  assert.deepEqual(
    providers.states.map(({ running: taken, waiting }) => [taken, waiting]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  await quiet('a');
  await quiet('b');
});
