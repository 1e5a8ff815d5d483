/**
 * Workers, gateways and NATS that go away in the middle of a run. These take as long as the claims
 * they wait for: a claim that is not renewed is taken over after 16 s.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type EventMessage, runClaim, type RunEvent } from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import { answerAtOnce, collect, Harness, submit, types } from './harness.ts';

const sleepUnless = (signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

async function startOwn(test: TestContext): Promise<Harness> {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  return harness;
}

async function cableTo(test: TestContext, harness: Harness): Promise<Cable> {
  const cable = await Cable.to(harness.nats.port);
  test.after(() => cable.close());
  return cable;
}

describe('faults', { concurrency: true }, () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());

  it('a run whose worker is cut off is stopped there before another worker takes it over', async (test) => {
    const own = await startOwn(test);
    const cable = await cableTo(test, own);
    const running: string[] = [];
    const seen: string[] = [];
    let most = 0;
    const handler = (name: string) =>
      async function* (
        _request: unknown,
        context: { signal: AbortSignal },
      ): AsyncGenerator<RunEvent> {
        running.push(name);
        seen.push(name);
        most = Math.max(most, running.length);
        // The second one answers at once; the first would think for ever.
        if (name === 'cut') await sleepUnless(context.signal, 600_000);
        running.splice(running.indexOf(name), 1);
        yield* answerAtOnce();
      };
    const gateway = await own.gateway();
    const cut = await own.worker(handler('cut'), 1, 'cut', { servers: cable.url });
    const handle = await submit(gateway, 'u');
    await until(() => seen.length === 1, { what: 'the first worker' });
    await own.worker(handler('whole'), 1, 'whole');
    cable.cut();
    const events = await collect(handle.events());
    assert.deepEqual(types(events), ['started', 'started', 'text.delta', 'completed']);
    assert.deepEqual(seen, ['cut', 'whole']);
    assert.equal(most, 1, 'never two at once');
    assert.equal(cut.server.busy, 0);
    cable.mend();
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  });

  it('a run that had shown something ends as worker_lost when its worker is cut off', async (test) => {
    const own = await startOwn(test);
    const cable = await cableTo(test, own);
    const handler = async function* (
      _request: unknown,
      context: { signal: AbortSignal },
    ): AsyncGenerator<RunEvent> {
      yield { type: 'text.delta', text: 'half of it' };
      await sleepUnless(context.signal, 600_000);
    };
    const gateway = await own.gateway();
    await own.worker(handler, 1, 'cut', { servers: cable.url });
    const handle = await submit(gateway, 'u');
    const iterator = handle.events()[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.type, 'started');
    assert.equal((await iterator.next()).value?.type, 'text.delta');
    await own.worker(handler, 1, 'whole');
    cable.cut();
    const end = (await iterator.next()).value;
    assert.ok(end?.type === 'failed' && end.code === 'worker_lost', JSON.stringify(end));
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  });

  it('a run of an agent that restarts is begun again, and its cut worker is heard no more', async (test) => {
    const own = await startOwn(test);
    const cable = await cableTo(test, own);
    const restarting = { onWorkerLost: () => 'restart' as const };
    const handler = (name: string, words: number) =>
      async function* (
        _request: unknown,
        context: { signal: AbortSignal },
      ): AsyncGenerator<RunEvent> {
        for (let index = 0; index < words; index++) {
          yield { type: 'text.delta', text: `${name} ${index} ` };
        }
        if (name === 'cut') {
          await until(() => cut, { what: 'the cut' });
          for (let index = 0; index < 20; index++) {
            yield { type: 'text.delta', text: `unheard ${index} ` };
          }
          await sleepUnless(context.signal, 600_000);
        }
        yield { type: 'completed', finishReason: 'stop' };
      };
    let cut = false;
    const gateways = [await own.gateway(), await own.gateway()] as const;
    const first = { ...restarting, servers: cable.url };
    const { link } = await own.worker(handler('cut', 3), 1, 'cut', first);
    const handle = await submit(gateways[0], 'u');
    const far = collect((await gateways[1].client.follow(handle.run)).events());
    const reading = collect(handle.events());
    const shown = async () => (await gateways[1].client.readLogged(handle.run)).length === 4;
    await until(shown, { what: 'the first words' });
    await own.worker(handler('whole', 2), 1, 'whole', restarting);
    cable.cut();
    cut = true;
    await until(async () => (await gateways[1].client.find(handle.run)) === 'ended', {
      timeoutMs: 30_000,
      what: 'the second attempt',
    });
    cable.mend();
    await until(() => link.connected, { what: 'the first worker to be back' });
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
    const events = await reading;
    assert.deepEqual(
      events.map((event) => (event.type === 'text.delta' ? event.text : event.type)),
      ['started', 'cut 0 ', 'cut 1 ', 'cut 2 ', 'started', 'whole 0 ', 'whole 1 ', 'completed'],
    );
    assert.deepEqual(await far, events);
    assert.deepEqual(await gateways[1].client.readLogged(handle.run), events);
  });

  it('runs go on when nats-server is killed and comes back, and lose no event', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    const gate = Promise.withResolvers<void>();
    const { server } = await own.worker(async function* () {
      for (let index = 0; index < 500; index++) {
        if (index === 100) await gate.promise;
        if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        yield { type: 'text.delta', text: `${index} ` };
      }
      yield { type: 'completed', finishReason: 'stop' };
    });
    const handles = await Promise.all(['a', 'b', 'c'].map((user) => submit(gateway, user)));
    const reading = Promise.all(handles.map((handle) => collect(handle.events())));
    await until(() => server.busy === 3, { what: 'three runs' });
    gate.resolve();
    own.nats.kill('SIGKILL');
    await own.nats.restart();
    for (const events of await reading) {
      const text = events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');
      assert.equal(text, Array.from({ length: 500 }, (_, index) => `${index} `).join(''));
      assert.equal(events.at(-1)?.type, 'completed');
      assert.equal(types(events).filter((type) => type === 'started').length, 1);
    }
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  });

  it('a gateway whose connection breaks reads from the log what it missed', async (test) => {
    const cable = await cableTo(test, harness);
    const gateway = await harness.gateway({ url: cable.url });
    const gate = Promise.withResolvers<void>();
    const { server } = await harness.worker(async function* () {
      yield { type: 'text.delta', text: 'before ' };
      await gate.promise;
      for (let index = 0; index < 50; index++) yield { type: 'text.delta', text: 'while ' };
      yield { type: 'completed', finishReason: 'stop' };
    });
    const handle = await submit(gateway, 'gateway-cut');
    const iterator = handle.events()[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    cable.break();
    gate.resolve();
    const rest: RunEvent[] = [];
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
      rest.push(step.value);
    }
    assert.equal(rest.filter(({ type }) => type === 'text.delta').length, 50);
    assert.equal(rest.at(-1)?.type, 'completed');
    await server.close();
  });

  it('a run cancelled while its worker is reconnecting stops as soon as it is back', async (test) => {
    const own = await startOwn(test);
    const cable = await cableTo(test, own);
    const gateway = await own.gateway();
    let stopped = false;
    const { server, link } = await own.worker(
      async function* (_request, context) {
        yield { type: 'text.delta', text: 'begun' };
        await sleepUnless(context.signal, 600_000);
        stopped = true;
      },
      1,
      'away',
      { servers: cable.url },
    );
    const handle = await submit(gateway, 'u');
    const iterator = handle.events()[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    cable.cut();
    await handle.cancel('client_gone');
    assert.equal((await iterator.next()).value?.type, 'cancelled');
    cable.mend();
    await until(() => link.connected && stopped && server.busy === 0, { what: 'a free slot' });
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  });

  it('a request sent while NATS is away is refused at once, and accepted when it is back', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    await own.worker(answerAtOnce);
    own.nats.kill('SIGKILL');
    await until(() => !gateway.link.connected, { what: 'the loss to be noticed' });
    await assert.rejects(submit(gateway, 'u'), { code: 'queue_unavailable' });
    await own.nats.restart();
    await until(() => gateway.client.ready, { what: 'the gateway to be ready' });
    const events = await collect((await submit(gateway, 'u')).events());
    assert.equal(events.at(-1)?.type, 'completed');
  });

  it('a run that three workers were lost on is kept as a dead letter and ends, unrun', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    const handle = await submit(gateway, 'u');
    const [token] = handle.run.split('_');
    for (const [l, a] of [1, 2, 3].entries()) {
      const claim = { a, n: 1, l, e: [{ type: 'started', worker: 'dead' }] };
      own.observer.publish(`events.${token}.${handle.run}.claim`, JSON.stringify(claim));
    }
    await until(async () => (await own.count('EVENTS')) === 3, { what: 'the dead claims' });
    let ran = 0;
    await own.worker(async function* () {
      ran += 1;
      yield* answerAtOnce();
    });
    const end = (await collect(handle.events())).at(-1);
    assert.ok(end?.type === 'failed' && end.code === 'too_many_attempts', JSON.stringify(end));
    assert.equal(ran, 0);
    assert.equal(await own.count('DEAD_LETTERS'), 1);
    await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  });

  it('an outage of NATS that outlasts the claim on a run is no lost attempt', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    let begun = 0;
    const { server } = await own.worker(async function* (_request, context) {
      begun += 1;
      if (begun === 1) await sleepUnless(context.signal, 600_000);
      yield* answerAtOnce();
    }, 1);
    const handle = await submit(gateway, 'u');
    const reading = collect(handle.events());
    await until(() => server.busy === 1, { what: 'a running run' });
    own.nats.kill('SIGKILL');
    await until(() => server.busy === 0, { what: 'the run to be stopped', timeoutMs: 20_000 });
    await own.nats.restart();
    assert.equal((await reading).at(-1)?.type, 'completed');
    const query = { last_by_subj: runClaim(handle.run) };
    const claim = (await own.manager.streams.getMessage('EVENTS', query))?.json<EventMessage>();
    assert.deepEqual([claim?.a, claim?.l], [2, undefined]);
  });

  it('hand-backs are no lost attempts: a run survives any number of workers that stop', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    const handle = await submit(gateway, 'u');
    for (let index = 0; index < 5; index++) {
      const { server } = await own.worker(async function* (_request, context) {
        await sleepUnless(context.signal, 600_000);
        yield* answerAtOnce();
      }, 1);
      await until(() => server.busy === 1, { what: 'a running run' });
      server.abort();
      await server.drained;
    }
    await own.worker(answerAtOnce, 1);
    assert.equal((await collect(handle.events())).at(-1)?.type, 'completed');
  });

  it('a run whose request vanished from the queue ends as request_lost', async (test) => {
    const own = await startOwn(test);
    const gateway = await own.gateway();
    const handle = await submit(gateway, 'u');
    await own.manager.streams.purge('REQUESTS_default');
    const end = (await collect(handle.events())).at(-1);
    assert.ok(end?.type === 'failed' && end.code === 'request_lost', JSON.stringify(end));
  });
});
