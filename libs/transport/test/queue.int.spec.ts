import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { answerAtOnce, collect, Harness, profile, submit, types } from './harness.ts';

const isCode = (code: string) => (error: unknown) =>
  error instanceof SwitchboardError && error.code === code;

describe('the request queue', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());

  it('accepts exactly the cap of one user over two gateways, with no worker to free a place', async () => {
    const one = await harness.gateway({ maxOutstandingPerUser: 8 });
    const two = await harness.gateway({ maxOutstandingPerUser: 8 });
    const sent = Array.from({ length: 40 }, (_, index) => submit(index % 2 ? one : two, 'greedy'));
    const results = await Promise.allSettled(sent);
    const accepted = results.filter((result) => result.status === 'fulfilled');
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(accepted.length, 8);
    assert.ok(refused.every(({ reason }) => isCode('too_many_outstanding')(reason)));
    assert.ok((await submit(one, 'somebody else')).run.length > 0);
    await one.client.close();
    await two.client.close();
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'empty queue',
    });
  });

  it("accepts exactly a caller's own cap over two gateways, be it lower or higher than everybody's", async () => {
    const gateways = [
      await harness.gateway({ maxOutstandingPerUser: 8 }),
      await harness.gateway({ maxOutstandingPerUser: 8 }),
    ];
    const acceptedOf = async (user: string, maxOutstanding: number) => {
      const sent = Array.from({ length: 40 }, (_, index) => {
        const gateway = gateways[index % 2];
        assert.ok(gateway !== undefined);
        return submit(gateway, user, { maxOutstanding });
      });
      const results = await Promise.allSettled(sent);
      const refused = results.filter((result) => result.status === 'rejected');
      assert.ok(refused.every(({ reason }) => isCode('too_many_outstanding')(reason)));
      return sent.length - refused.length;
    };
    assert.deepEqual(
      [await acceptedOf('few', 3), await acceptedOf('many', 12), await acceptedOf('none', 0)],
      [3, 12, 0],
    );
    for (const { client } of gateways) await client.close();
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'empty queue',
    });
  });

  it('never refuses a user who sends the next request the moment the last one ends', async () => {
    const gateways = [
      await harness.gateway({ maxOutstandingPerUser: 1 }),
      await harness.gateway({ maxOutstandingPerUser: 1 }),
    ];
    const { server } = await harness.worker(answerAtOnce);
    for (let index = 0; index < 300; index++) {
      const gateway = gateways[index % 2];
      assert.ok(gateway !== undefined);
      const handle = await submit(gateway, 'steady');
      assert.deepEqual(types(await collect(handle.events())), [
        'started',
        'text.delta',
        'completed',
      ]);
    }
    await server.close();
  });

  it('takes a place that is free on the server, also when this gateway has not heard of it', async () => {
    const gateway = await harness.gateway({ maxOutstandingPerUser: 2 });
    await submit(gateway, 'forgotten');
    await submit(gateway, 'forgotten');
    await assert.rejects(submit(gateway, 'forgotten'), isCode('too_many_outstanding'));
    // As after ends that this gateway missed while it was cut off.
    await harness.manager.streams.purge('REQUESTS_default');
    const again = await Promise.allSettled([1, 2, 3].map(() => submit(gateway, 'forgotten')));
    assert.equal(again.filter(({ status }) => status === 'fulfilled').length, 2);
    await gateway.client.close();
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'empty queue',
    });
  });

  it('says that the system is full, not that the caller is, when the pool holds all it may', async () => {
    const gateway = await harness.gateway({ maxOutstanding: 3 });
    const users = Array.from({ length: 6 }, (_, index) => submit(gateway, `user-${index}`));
    const results = await Promise.allSettled(users);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 3);
    assert.ok(refused.every(({ reason }) => isCode('queue_full')(reason)));
    await gateway.client.close();
    await harness.gateway(); // Sets the bound back.
  });

  it('ends a request that waited too long, takes it off the queue and never starts it', async () => {
    const gateway = await harness.gateway();
    const handle = await submit(gateway, 'patient', { profile: profile({ queue_timeout: 0.2 }) });
    const events = await collect(handle.events());
    assert.ok(events[0]?.type === 'failed' && events[0].code === 'queue_timeout');
    assert.equal(events.length, 1);
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'empty queue',
    });
    let ran = 0;
    const { server } = await harness.worker(async function* () {
      ran += 1;
      yield* answerAtOnce();
    });
    await collect((await submit(gateway, 'next')).events());
    assert.equal(ran, 1);
    await server.close();
  });

  it('keeps what no worker can read as a dead letter and goes on', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(answerAtOnce);
    harness.observer.publish('requests.default.normal.1.somebody.1', 'not JSON');
    await until(async () => (await harness.count('DEAD_LETTERS')) === 1, { what: 'a dead letter' });
    const events = await collect((await submit(gateway, 'innocent')).events());
    assert.equal(events.at(-1)?.type, 'completed');
    await until(async () => (await harness.count('REQUESTS_default')) === 0, {
      what: 'empty queue',
    });
    await server.close();
  });
});
