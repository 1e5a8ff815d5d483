/** Gateways that are killed between the steps of a cancel: the end is stored, nobody was told. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Cable, until } from '@switchboard/testkit';
import { answerAtOnce, collect, type Gateway, Harness, submit, types } from './harness.ts';

/** A gateway is lost soon, so that nobody waits for the 12 s it has outside of tests. */
const BEAT_MS = 100;
const GATEWAY_LOST_MS = 1_500;

interface Scene {
  readonly own: Harness;
  readonly cable: Cable;
  readonly dying: Gateway;
  readonly other: Gateway;
}

async function start(test: TestContext): Promise<Scene> {
  const own = await Harness.start();
  test.after(() => own.stop());
  const cable = await Cable.to(own.nats.port);
  test.after(() => cable.close());
  const dying = await own.gateway({ url: cable.url, beatMs: BEAT_MS });
  return { own, cable, dying, other: await own.gateway({ beatMs: BEAT_MS }) };
}

/** Cancels a run, and cuts its gateway off when the end is stored, before it knows that it is. */
async function killInCancel({ own, cable }: Scene, handle: Awaited<ReturnType<typeof submit>>) {
  const before = await own.count('EVENTS');
  cable.hold();
  void handle.cancel('client_gone');
  await until(async () => (await own.count('EVENTS')) > before, { what: 'the end' });
  cable.unplug();
  assert.equal(await own.count('REQUESTS_default'), 1, 'still on the queue');
}

describe(
  'a gateway that is killed when the end of a cancel is stored',
  { concurrency: true },
  () => {
    it('and the request is not yet deleted: it ends once, never runs, and leaves the queue', async (test) => {
      const scene = await start(test);
      const { own, dying, other } = scene;
      const handle = await submit(dying, 'u');
      await killInCancel(scene, handle);
      const following = collect((await other.client.follow(handle.run)).events());
      let ran = 0;
      await own.worker(async function* () {
        ran += 1;
        yield* answerAtOnce();
      });
      await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
      assert.equal(ran, 0);
      assert.deepEqual(types(await following), ['cancelled']);
      assert.deepEqual(types(await other.client.readLogged(handle.run)), ['cancelled']);
      assert.equal(await own.count('EVENTS'), 1);
    });

    it('and the worker is not yet told: it ends once, stops by itself, and leaves the queue', async (test) => {
      const scene = await start(test);
      const { own, dying, other } = scene;
      let stopped = false;
      const { server } = await own.worker(
        async function* (_request, { signal }) {
          yield { type: 'text.delta', text: 'begun' };
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
          stopped = true;
          yield { type: 'text.delta', text: 'unheard' };
        },
        1,
        'worker',
        { gatewayLostMs: GATEWAY_LOST_MS },
      );
      const handle = await submit(dying, 'u');
      const following = collect((await other.client.follow(handle.run)).events());
      await until(async () => (await own.count('EVENTS')) >= 2, { what: 'the first word' });
      await killInCancel(scene, handle);
      await until(() => stopped && server.busy === 0, { what: 'a free slot' });
      await until(async () => (await own.count('REQUESTS_default')) === 0, { what: 'empty queue' });
      const whole = ['started', 'text.delta', 'cancelled'];
      assert.deepEqual(types(await following), whole);
      assert.deepEqual(types(await other.client.readLogged(handle.run)), whole);
    });
  },
);
