/** Handlers that do not end when they are told to: their slots are taken from them. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { answerAtOnce, collect, type Gateway, type Handler, Harness, submit } from './harness.ts';

async function rig(test: TestContext): Promise<{ harness: Harness; gateway: Gateway }> {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  return { harness, gateway: await harness.gateway() };
}

async function* neverEnds(): AsyncGenerator<RunEvent> {
  yield { type: 'text.delta', text: 'begun' };
  await new Promise(() => undefined);
}

describe('a handler that does not heed its signal', { concurrency: true }, () => {
  const ways: Readonly<Record<string, (forEver: Promise<never>) => Handler>> = {
    'waits for something else': (forEver) =>
      async function* () {
        yield { type: 'text.delta', text: 'begun' };
        await forEver;
      },
    'never becomes an iterator': (forEver) => () => forEver as never,
    'never lets itself be closed': (forEver) =>
      async function* () {
        try {
          for (;;) {
            yield { type: 'text.delta', text: 'more' };
            await new Promise(setImmediate);
          }
        } finally {
          await forEver;
        }
      },
  };

  for (const [way, handlerOf] of Object.entries(ways)) {
    it(`gives its slot back all the same: one that ${way}`, async (test) => {
      const { harness, gateway } = await rig(test);
      const stuck = Promise.withResolvers<never>();
      const handlers: Handler[] = [handlerOf(stuck.promise)];
      const { server } = await harness.worker(
        (...run) => (handlers.shift() ?? answerAtOnce)(...run),
        1,
      );
      const handle = await submit(gateway, 'u');
      const reading = collect(handle.events());
      await until(() => server.busy === 1, { what: 'a running run' });
      await handle.cancel('requested');
      await until(() => server.busy === 0, { what: 'a free slot', timeoutMs: 25_000 });
      assert.equal((await reading).at(-1)?.type, 'cancelled');
      assert.equal(server.abandoned, 1);
      const next = await collect((await submit(gateway, 'u')).events());
      assert.equal(next.at(-1)?.type, 'completed');
      stuck.reject(new Error('late'));
      await until(() => server.abandoned === 0, { what: 'the end of the handler' });
    });
  }

  it('ends its run as run_timeout at the limit of its agent', async (test) => {
    const { harness, gateway } = await rig(test);
    const { server } = await harness.worker(neverEnds, 1, 'worker', { runTimeoutMs: () => 500 });
    const end = (await collect((await submit(gateway, 'u')).events())).at(-1);
    assert.ok(end?.type === 'failed' && end.code === 'run_timeout', JSON.stringify(end));
    await until(() => server.busy === 0, { what: 'a free slot' });
  });

  it('what it says after its end is heard by nobody', async (test) => {
    const { harness, gateway } = await rig(test);
    const late = Promise.withResolvers<void>();
    const speaksLate = async function* (): AsyncGenerator<RunEvent> {
      yield { type: 'text.delta', text: 'in time' };
      await late.promise;
      yield { type: 'text.delta', text: 'late' };
      yield { type: 'completed', finishReason: 'stop' };
    };
    const { server } = await harness.worker(speaksLate, 1, 'worker', { runTimeoutMs: () => 100 });
    const handle = await submit(gateway, 'u');
    const events = await collect(handle.events());
    late.resolve();
    await until(() => server.abandoned === 0, { what: 'the end of the handler' });
    assert.deepEqual(await gateway.client.readLogged(handle.run), events);
    assert.equal(events.at(-1)?.type, 'failed');
  });

  it('as many as there are slots wear the worker out', async (test) => {
    const { harness, gateway } = await rig(test);
    const worn: string[] = [];
    const { server } = await harness.worker(neverEnds, 2, 'worker', {
      runTimeoutMs: () => 100,
      onWorn: (reason) => worn.push(reason),
    });
    await collect((await submit(gateway, 'u')).events());
    assert.equal(server.abandoned, 1);
    assert.deepEqual(worn, []);
    await collect((await submit(gateway, 'u')).events());
    await until(() => worn.length === 1, { what: 'a word of it' });
  });
});
