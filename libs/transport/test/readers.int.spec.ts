/** What becomes of runs when their readers, or their gateway, go. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isEnd, type OnDisconnect, type RunEvent, type RunRequest } from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import type { RunContext } from '../src/index.ts';
import { collect, type Gateway, Harness, submit, types } from './harness.ts';

const WINDOW_MS = 300;
const LOST_MS = 800;
/** Quick signs of life; other gateways' readers count for 2.5 of the second. */
const BEATS = { beatMs: 50, readersBeatMs: 50 };

const word: RunEvent = { type: 'text.delta', text: 'begun' };
const completed: RunEvent = { type: 'completed', finishReason: 'stop' };

/** An agent that says a word and goes on until the test lets it end. */
class Agent {
  readonly started: string[] = [];
  readonly stopped: string[] = [];
  readonly gate = Promise.withResolvers<void>();

  readonly run = (request: RunRequest, context: RunContext) => this.#answer(request, context);

  async *#answer({ run }: RunRequest, { signal }: RunContext): AsyncGenerator<RunEvent> {
    this.started.push(run);
    yield word;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve());
    });
    await Promise.race([aborted, this.gate.promise]);
    if (signal.aborted) this.stopped.push(run);
    yield completed;
  }
}

const passed = (ms: number): Promise<boolean> => {
  const untilMs = performance.now() + ms;
  return until(() => performance.now() > untilMs, { what: `${ms} ms` });
};

describe('readers', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());
  const emptyQueue = () =>
    until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'empty queue' });
  const submitted = (gateway: Gateway, onDisconnect: OnDisconnect) =>
    submit(gateway, `user-${Math.random()}`, { onDisconnect, resumeWindowMs: WINDOW_MS });

  it('keep a resumable run going over gateways; it ends when nobody came within its window', async () => {
    const [one, two] = [await harness.gateway(BEATS), await harness.gateway(BEATS)];
    const agent = new Agent();
    const { server } = await harness.worker(agent.run);
    const handle = await submitted(one, 'resume');
    await until(() => agent.started.length === 1, { what: 'the run' });
    handle.close();
    const second = await two.client.follow(handle.run);
    await passed(3 * WINDOW_MS);
    assert.equal(await two.client.find(handle.run), 'open');
    second.close();
    const third = await one.client.follow(handle.run);
    const reading = collect(third.events());
    await passed(2 * WINDOW_MS);
    assert.equal(await two.client.find(handle.run), 'open');
    const leftAtMs = performance.now();
    third.close();
    assert.deepEqual(
      types(await reading).filter((type) => type === 'cancelled'),
      [],
    );
    await until(() => agent.stopped.length === 1, { what: 'the cancel' });
    assert.ok(performance.now() - leftAtMs >= WINDOW_MS);
    const events = await two.client.readLogged(handle.run);
    assert.deepEqual(events.at(-1), { type: 'cancelled', reason: 'client_gone' });
    await emptyQueue();
    for (const gateway of [one, two]) await gateway.client.close();
    await server.close();
  });

  it('of policy cancel end the run when the last one leaves, wherever it reads', async () => {
    const [one, two] = [await harness.gateway(BEATS), await harness.gateway(BEATS)];
    const agent = new Agent();
    const { server } = await harness.worker(agent.run);
    const handle = await submitted(one, 'cancel');
    const far = await two.client.follow(handle.run);
    await until(() => agent.started.length === 1, { what: 'the run' });
    await two.link.connection.flush();
    await one.link.connection.flush();
    handle.close();
    await passed(WINDOW_MS);
    assert.deepEqual(agent.stopped, []);
    far.close();
    await until(() => agent.stopped.length === 1, { what: 'the cancel' });
    await emptyQueue();
    for (const gateway of [one, two]) await gateway.client.close();
    await server.close();
  });

  it('of policy cancel end the run with the last one here too, for the reason it left', async () => {
    const gateway = await harness.gateway(BEATS);
    const agent = new Agent();
    const { server } = await harness.worker(agent.run);
    const handle = await submitted(gateway, 'cancel');
    const other = await gateway.client.follow(handle.run);
    const reading = other.events()[Symbol.asyncIterator]();
    assert.equal((await reading.next()).value?.type, 'started');
    handle.close('deadline');
    await passed(WINDOW_MS);
    assert.deepEqual(agent.stopped, []);
    assert.equal((await reading.next()).value?.type, 'text.delta');
    other.close();
    await until(() => agent.stopped.length === 1, { what: 'the cancel' });
    const alone = await submitted(gateway, 'cancel');
    await until(() => agent.started.length === 2, { what: 'the second run' });
    alone.close('deadline');
    await until(() => agent.stopped.length === 2, { what: 'its cancel' });
    const reasons = [handle, alone].map(async ({ run }) => {
      const end = (await gateway.client.readLogged(run)).at(-1);
      return end?.type === 'cancelled' && end.reason;
    });
    assert.deepEqual(await Promise.all(reasons), ['client_gone', 'deadline']);
    await emptyQueue();
    await gateway.client.close();
    await server.close();
  });

  it('may all leave a run that continues, and read it whole later', async () => {
    const gateway = await harness.gateway(BEATS);
    const agent = new Agent();
    const { server } = await harness.worker(agent.run);
    const handle = await submitted(gateway, 'continue');
    handle.close();
    await until(() => agent.started.length === 1, { what: 'the run' });
    agent.gate.resolve();
    await emptyQueue();
    const again = await gateway.client.follow(handle.run);
    assert.deepEqual(types(await collect(again.events())), ['started', 'text.delta', 'completed']);
    await gateway.client.close();
    await server.close();
  });

  it('that were detached leave a resumable run alone, also when their gateway closes', async () => {
    const [one, two] = [await harness.gateway(BEATS), await harness.gateway(BEATS)];
    const agent = new Agent();
    const { server } = await harness.worker(agent.run);
    const handle = await submitted(one, 'resume');
    const reading = collect(handle.events());
    await until(() => agent.started.length === 1, { what: 'the run' });
    handle.detach();
    assert.equal((await reading).some(isEnd), false);
    await one.client.close();
    const again = await two.client.follow(handle.run);
    await passed(2 * WINDOW_MS);
    agent.gate.resolve();
    assert.deepEqual(types(await collect(again.events())), ['started', 'text.delta', 'completed']);
    await two.client.close();
    await server.close();
  });

  it('lost with their gateway: its foreground runs end, queued ones never start, others go on', async () => {
    const [lost, other] = [await harness.gateway(BEATS), await harness.gateway(BEATS)];
    const agent = new Agent();
    const { server } = await harness.worker(agent.run, 4, 'w', { gatewayLostMs: LOST_MS });
    const watched = await submitted(lost, 'cancel');
    const resumable = await submitted(lost, 'resume');
    const continued = await submitted(lost, 'continue');
    const adopted = await submitted(lost, 'resume');
    const reading = collect((await other.client.follow(adopted.run)).events());
    await until(() => agent.started.length === 4, { what: 'four runs' });
    const queued = await submitted(lost, 'cancel');
    const queuedOn = await submitted(lost, 'continue');
    await lost.kill();
    await until(() => agent.stopped.length === 2, { what: 'two ends' });
    assert.deepEqual(agent.stopped, [watched.run, resumable.run]);
    await until(() => agent.started.includes(queuedOn.run), {
      what: 'the queued one that goes on',
    });
    agent.gate.resolve();
    assert.deepEqual(types(await reading), ['started', 'text.delta', 'completed']);
    await emptyQueue();
    assert.equal(agent.started.includes(queued.run), false);
    const ends = [watched, resumable, queued, continued, queuedOn].map(async ({ run }) => {
      const events = await other.client.readLogged(run);
      return [events.length, events.at(-1)?.type];
    });
    assert.deepEqual(await Promise.all(ends), [
      [3, 'cancelled'],
      [3, 'cancelled'],
      [1, 'cancelled'],
      [3, 'completed'],
      [3, 'completed'],
    ]);
    await other.client.close();
    await server.close();
  });

  it('are not given up by a worker that was away itself', async (test) => {
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const gateway = await harness.gateway(BEATS);
    const agent = new Agent();
    const options = { gatewayLostMs: LOST_MS, servers: cable.url };
    const { server, link } = await harness.worker(agent.run, 1, 'w', options);
    const handle = await submitted(gateway, 'cancel');
    const reading = collect(handle.events());
    await until(() => agent.started.length === 1, { what: 'the run' });
    cable.unplug();
    await passed(2 * LOST_MS);
    cable.mend();
    await until(() => link.connected, { what: 'the worker to be back' });
    await passed(LOST_MS / 2);
    agent.gate.resolve();
    assert.deepEqual(types(await reading), ['started', 'text.delta', 'completed']);
    assert.deepEqual(agent.stopped, []);
    await gateway.client.close();
    await server.close();
  });
});
