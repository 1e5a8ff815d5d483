import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunEvent, SwitchboardError } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { answerAtOnce, collect, Harness, submit, types } from './harness.ts';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });

describe('runs', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());
  const emptyQueue = () =>
    until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'empty queue' });

  it('give every event of a long answer once and in order', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(async function* () {
      for (let index = 0; index < 5_000; index++) yield { type: 'text.delta', text: `${index} ` };
      yield { type: 'completed', finishReason: 'stop' };
    });
    const events = await collect((await submit(gateway, 'reader')).events());
    const text = events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');
    assert.equal(text, Array.from({ length: 5_000 }, (_, index) => `${index} `).join(''));
    assert.equal(events.at(-1)?.type, 'completed');
    await emptyQueue();
    await server.close();
  });

  it('give all of it to a reader that begins only after the end', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(async function* () {
      for (let index = 0; index < 6_000; index++) yield { type: 'text.delta', text: 'x' };
      yield { type: 'completed', finishReason: 'stop' };
    });
    const handle = await submit(gateway, 'late');
    await emptyQueue();
    const events = await collect(handle.events());
    assert.equal(events.filter(({ type }) => type === 'text.delta').length, 6_000);
    await server.close();
  });

  it('end as failed with the code that the agent threw, and as internal_error otherwise', async () => {
    const gateway = await harness.gateway();
    const failures = [
      new SwitchboardError('provider_rate_limited', 'Busy.', { retryAfterMs: 700 }),
      new Error('secret detail'),
    ];
    const { server } = await harness.worker(async function* (): AsyncGenerator<RunEvent> {
      yield { type: 'text.delta', text: 'a' };
      throw failures.shift() ?? new Error('none left');
    });
    const first = (await collect((await submit(gateway, 'a')).events())).at(-1);
    assert.deepEqual(first, {
      type: 'failed',
      code: 'provider_rate_limited',
      message: 'Busy.',
      retryAfterMs: 700,
    });
    const second = (await collect((await submit(gateway, 'a')).events())).at(-1);
    assert.ok(second?.type === 'failed' && second.code === 'internal_error');
    assert.doesNotMatch(second.message, /secret/);
    await server.close();
  });

  it('stop when cancelled: queued ones never start, running ones see their signal', async () => {
    const gateway = await harness.gateway();
    const started: string[] = [];
    const stopped: string[] = [];
    const { server } = await harness.worker(async function* (_request, context) {
      started.push(context.run);
      yield { type: 'text.delta', text: 'begun' };
      await aborted(context.signal);
      stopped.push(context.run);
    }, 1);
    const running = await submit(gateway, 'one');
    await until(() => started.length === 1, { what: 'the first run' });
    const queued = await submit(gateway, 'two');
    await queued.cancel('client_gone');
    await running.cancel('requested');
    assert.deepEqual(types(await collect(queued.events())), ['cancelled']);
    assert.equal((await collect(running.events())).at(-1)?.type, 'cancelled');
    await until(() => stopped.length === 1 && server.busy === 0, { what: 'a free slot' });
    assert.deepEqual(started, [running.run]);
    await emptyQueue();
    await server.close();
  });

  it('end once, whoever says it first: 100 cancels against 100 completions', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(answerAtOnce, 10);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const handle = await submit(gateway, `user-${index % 10}`);
        const [events] = await Promise.all([
          collect(handle.events()),
          handle.cancel('client_gone'),
        ]);
        return { run: handle.run, end: events.at(-1) };
      }),
    );
    await emptyQueue();
    for (const { run, end } of outcomes) {
      const [token] = run.split('_');
      const stored = await harness.manager.streams.getMessage('EVENTS', {
        last_by_subj: `events.${token}.${run}.end`,
      });
      const logged = stored?.json<{ e: RunEvent[] }>().e.at(-1);
      assert.deepEqual(logged, end, 'the reader saw the end that is stored');
    }
    await server.close();
  });

  it('are handed back by a worker that stops before it has shown anything, and run elsewhere', async () => {
    const gateway = await harness.gateway();
    const first = await harness.worker(
      async function* (_request, context) {
        await aborted(context.signal);
        yield { type: 'text.delta', text: 'never read' };
      },
      1,
      'first',
    );
    const handle = await submit(gateway, 'u');
    await until(() => first.server.busy === 1, { what: 'a running run' });
    const second = await harness.worker(answerAtOnce, 1, 'second');
    first.server.abort();
    const events = await collect(handle.events());
    assert.equal(events.at(-1)?.type, 'completed');
    assert.equal(events.filter(({ type }) => type === 'started').length, 2);
    await emptyQueue();
    await first.server.close();
    await second.server.close();
  });

  it('end as worker_lost when their worker stops after it has shown something', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(async function* (_request, context) {
      yield { type: 'text.delta', text: 'half' };
      await aborted(context.signal);
    }, 1);
    const handle = await submit(gateway, 'u');
    const iterator = handle.events()[Symbol.asyncIterator]();
    await iterator.next();
    assert.equal((await iterator.next()).value?.type, 'text.delta');
    server.abort();
    const end = (await iterator.next()).value;
    assert.ok(end?.type === 'failed' && end.code === 'worker_lost');
    await emptyQueue();
    await server.close();
  });
});
