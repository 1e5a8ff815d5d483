/** What gateways know of workers and queues, over a real nats-server. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FLEET_ASK, FLEET_LOST_MS, fleetSubject } from '@switchboard/contract';
import { deferred, type Deferred, until } from '@switchboard/testkit';
import { Fleet, NatsLink, type Place, type PoolState } from '../src/index.ts';
import { answerAtOnce, collect, type Handler, Harness, silent, submit } from './harness.ts';

let harness: Harness;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await harness.stop();
});

function fleetOf(): Fleet {
  const link = NatsLink.open({ servers: harness.nats.url, name: 'fleet', log: silent });
  const fleet = new Fleet(link, { pools: ['default'], log: silent });
  fleet.start();
  closers.push(async () => {
    fleet.close();
    await link.close();
  });
  return fleet;
}

const normal = (seq: number): Place => ({ priority: 'normal', lane: 1, seq });

const names = (fleet: Fleet): string =>
  fleet
    .state('default')
    .workers.map(({ worker }) => worker)
    .join();

const untilNames = (fleet: Fleet, expected: string, timeoutMs = 20_000): Promise<boolean> =>
  until(() => names(fleet) === expected, { what: `the workers to be ${expected}`, timeoutMs });

const untilQueue = (
  fleet: Fleet,
  what: string,
  condition: (queue: NonNullable<PoolState['queue']>) => boolean,
): Promise<boolean> =>
  until(
    async () => {
      await fleet.refresh('default');
      const { queue } = fleet.state('default');
      return queue !== undefined && condition(queue);
    },
    { what },
  );

/** Runs that end when they are told to. */
function heldRuns(): { handler: Handler; endOne: () => void; endAll: () => void } {
  const held: Deferred<void>[] = [];
  let open = false;
  return {
    async *handler() {
      const end = deferred();
      if (!open) {
        held.push(end);
        await end.promise;
      }
      yield { type: 'completed', finishReason: 'stop' };
    },
    endOne: () => held.shift()?.resolve(),
    endAll: () => {
      open = true;
      for (const end of held.splice(0)) end.resolve();
    },
  };
}

describe('workers', () => {
  it('are asked for by a new gateway, and known when they have answered', async () => {
    let asked = 0;
    harness.observer.subscribe(FLEET_ASK, { callback: () => void (asked += 1) });
    await harness.observer.flush();
    await harness.gateway();
    await harness.worker(answerAtOnce, 3, 'a');
    await harness.worker(answerAtOnce, 4, 'b');
    const fleet = fleetOf();
    await untilNames(fleet, 'a,b');
    const { slots, busy, free, stale, serviceMs } = fleet.state('default');
    assert.deepEqual(
      { slots, busy, free, stale, serviceMs },
      { slots: 7, busy: 0, free: 7, stale: false, serviceMs: undefined },
    );
    assert.equal(asked, 1);
  });

  it('are gone when they are killed, one by one, and back when they start again', async () => {
    await harness.gateway();
    const killed = await harness.worker(answerAtOnce, 2, 'a');
    await harness.worker(answerAtOnce, 2, 'b');
    const fleet = fleetOf();
    await untilNames(fleet, 'a,b');
    await killed.link.close();
    await untilNames(fleet, 'b');
    await harness.worker(answerAtOnce, 3, 'a');
    await untilNames(fleet, 'a,b');
    assert.equal(fleet.state('default').slots, 5);
  });

  it('say that they drain while they do, and are gone at once when they stop', async () => {
    const runs = heldRuns();
    const gateway = await harness.gateway();
    const { server } = await harness.worker(runs.handler, 2, 'a');
    const fleet = fleetOf();
    await untilNames(fleet, 'a');
    const run = await submit(gateway, 'user');
    await until(() => fleet.state('default').busy === 1, { what: 'the busy slot' });
    server.stopIntake();
    await until(() => fleet.state('default').workers[0]?.draining === true, { what: 'the drain' });
    const { slots, busy, free } = fleet.state('default');
    assert.deepEqual({ slots, busy, free }, { slots: 0, busy: 1, free: 0 });
    runs.endAll();
    await collect(run.events());
    await server.close();
    // Long before it would be missed.
    await untilNames(fleet, '', FLEET_LOST_MS / 2);
  });

  it('are not forgotten by a gateway that was cut from NATS, which says that it was', async () => {
    await harness.gateway();
    await harness.worker(answerAtOnce, 1, 'a');
    await harness.worker(answerAtOnce, 1, 'b');
    const fleet = fleetOf();
    await untilNames(fleet, 'a,b');
    const seen = new Set<string>();
    const look = setInterval(() => seen.add(names(fleet)), 1);
    harness.nats.kill('SIGKILL');
    await until(() => fleet.state('default').stale, { what: 'the fleet to be stale' });
    // Longer than a worker may be silent.
    const cutAtMs = performance.now();
    await until(() => performance.now() - cutAtMs > FLEET_LOST_MS + 1_000, { what: 'the cut' });
    await harness.nats.restart();
    await until(() => !fleet.state('default').stale, { what: 'everybody to be heard again' });
    clearInterval(look);
    assert.deepEqual([...seen], ['a,b']);
  });

  it('are not made up: what is not a word of one is dropped and counted', async () => {
    const fleet = fleetOf();
    await harness.gateway();
    await harness.worker(answerAtOnce, 1, 'a');
    await untilNames(fleet, 'a');
    for (const bad of ['', '{', '{"v":1}', 'x'.repeat(100_000)]) {
      harness.observer.publish(fleetSubject('default', 'bad'), bad);
    }
    await until(() => fleet.dropped === 4, { what: 'four dropped messages' });
    assert.equal(names(fleet), 'a');
  });
});

describe('the queue', () => {
  it('is counted by lane while no worker takes anything, and predicts nothing', async () => {
    const gateway = await harness.gateway();
    const worker = await harness.worker(answerAtOnce, 1, 'a');
    await worker.server.close();
    const fleet = fleetOf();
    for (let rank = 1; rank <= 5; rank++) await submit(gateway, 'greedy');
    await submit(gateway, 'modest');
    await submit(gateway, 'hurried', { priority: 'high' });
    await untilQueue(fleet, 'seven queued', ({ queued }) => queued === 7);
    const { queue } = fleet.state('default');
    assert.deepEqual(
      queue?.lanes.map(({ priority, pending }) => [priority, pending]),
      [1, 0, 0, 0, 2, 2, 2, 0].map((pending, index) => [index < 4 ? 'high' : 'normal', pending]),
    );
    assert.equal(queue?.running, 0);
    assert.equal(queue?.maxOutstanding, 10_000);
    assert.ok((queue?.bytes ?? 0) > 600);
    assert.equal(fleet.predict('default', 1).waitMs, undefined);
  });

  it('gives each waiting run its place, and lets it move up to none', async () => {
    const runs = heldRuns();
    const gateway = await harness.gateway();
    await harness.worker(runs.handler, 2, 'a');
    const fleet = fleetOf();
    await untilNames(fleet, 'a');
    const handles = [];
    for (let user = 0; user < 6; user++) handles.push(await submit(gateway, `user-${user}`));
    await untilQueue(fleet, 'four queued', ({ queued, running }) => queued === 4 && running === 2);
    const places = [3, 4, 5, 6].map((seq) => fleet.position('default', normal(seq))?.ahead);
    assert.deepEqual(places, [0, 1, 2, 3]);
    assert.equal(fleet.position('default', normal(6))?.etaMs, undefined);
    runs.endOne();
    runs.endOne();
    await untilQueue(fleet, 'two queued', ({ queued }) => queued === 2);
    await until(() => fleet.state('default').workers[0]?.served === 2, { what: 'two served' });
    const { serviceMs = 0 } = fleet.state('default');
    const last = fleet.position('default', normal(6));
    assert.equal(last?.ahead, 1);
    assert.equal(last.etaMs, Math.round(serviceMs));
    assert.equal(fleet.position('default', normal(1))?.ahead, 0, 'it has run');
    // One more would be behind the two: half a round more.
    assert.equal(fleet.predict('default', 1).waitMs, Math.round(serviceMs * 1.5));
    runs.endAll();
    for (const handle of handles) await collect(handle.events());
    await untilQueue(fleet, 'an empty queue', ({ outstanding }) => outstanding === 0);
  });

  it('is counted along by the gateway that fills it, which knows where its requests lie', async () => {
    const runs = heldRuns();
    const fleet = fleetOf();
    const gateway = await harness.gateway({ queue: fleet });
    await harness.worker(runs.handler, 1, 'a');
    await untilNames(fleet, 'a');
    await untilQueue(fleet, 'an empty queue', ({ outstanding }) => outstanding === 0);
    const handles = [];
    for (let count = 1; count <= 3; count++) {
      handles.push(await submit(gateway, 'user'));
      assert.equal(fleet.state('default').queue?.outstanding, count, 'without asking');
    }
    const places = handles.map(({ run }) => gateway.client.placeOf(run));
    assert.deepEqual(
      places.map((place) => place?.lane),
      [1, 2, 2],
    );
    runs.endAll();
    for (const handle of handles) await collect(handle.events());
    assert.equal(gateway.client.placeOf(handles[0]?.run ?? ''), undefined);
    await until(() => fleet.state('default').queue?.outstanding === 0, { what: 'the ends' });
  });

  it('is asked about as often for a thousand that wait as for one', async () => {
    const gateway = await harness.gateway();
    const worker = await harness.worker(answerAtOnce, 1, 'a');
    await worker.server.close();
    await submit(gateway, 'user');
    let calls = 0;
    harness.observer.subscribe('$JS.API.STREAM.INFO.REQUESTS_default', {
      callback: (_error, message) => {
        if (message.string() === '{}') calls += 1;
      },
    });
    await harness.observer.flush();
    const fleet = fleetOf();
    let told = 0;
    for (let n = 0; n < 1_000; n++) fleet.watch('default', () => (told += 1));
    const beganAtMs = performance.now();
    while (told < 4_000) {
      for (let n = 0; n < 100; n++) fleet.position('default', normal(1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const passedMs = performance.now() - beganAtMs;
    // Once in 250 ms at most, and once at the start.
    assert.ok(calls >= 3 && calls <= passedMs / 250 + 2, `${calls} calls in ${passedMs} ms`);
  });
});
