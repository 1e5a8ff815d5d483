/** Agents and pools that only workers know, over a real nats-server with its permissions. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  AgentProfile,
  cardOf,
  fleetSubject,
  requestsStream,
  type RunEvent,
  type RunRequest,
} from '@switchboard/contract';
import { NatsAccess } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { Fleet, type RunHandle } from '../src/index.ts';
import {
  answerAtOnce,
  collect,
  type Gateway,
  Harness,
  profile,
  silent,
  submit,
  types,
} from './harness.ts';

const CARDS = [cardOf(AgentProfile.parse({ name: 'own', model: 'm', queue_timeout: 77 }), 'v1')];

let harness: Harness;
const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await harness.stop();
});

async function start(...pools: readonly string[]): Promise<void> {
  harness = await Harness.start({ access: new NatsAccess(pools) });
}

/** A gateway that knows one pool, and what it hears. */
async function listening(): Promise<Gateway & { readonly fleet: Fleet }> {
  const gateway = await harness.gateway();
  const fleet = new Fleet(gateway.link, {
    pools: ['default'],
    onPool: (pool) => gateway.client.addPool(pool),
    log: silent,
  });
  fleet.start();
  closers.push(() => fleet.close());
  return { ...gateway, fleet };
}

async function announced({ fleet }: { readonly fleet: Fleet }): Promise<AgentProfile> {
  await until(() => fleet.agents.length > 0, { what: 'an agent that a worker has' });
  const [agent] = fleet.agents;
  assert.ok(agent !== undefined);
  return agent;
}

/** Queued as soon as the pool's stream is there. */
async function submitted(gateway: Gateway, agent: AgentProfile): Promise<RunHandle> {
  let handle: RunHandle | undefined;
  const tried = async (): Promise<boolean> => {
    handle ??= await submit(gateway, 'u', { profile: agent }).catch(() => undefined);
    return handle !== undefined;
  };
  await until(tried, { what: 'a place in the queue' });
  assert.ok(handle !== undefined);
  return handle;
}

/** Its name, without what tells its process apart. */
function workerOf([first]: readonly RunEvent[]): string | undefined {
  return first?.type === 'started' ? first.worker.split(':')[0] : undefined;
}

describe('a pool that only its workers name', () => {
  it('gets its queue from every gateway that hears of it, also when the worker came first', async () => {
    await start('default', 'late');
    let words = 0;
    harness.observer.subscribe('fleet.late.*', { callback: () => void (words += 1) });
    await harness.observer.flush();
    const requests: RunRequest[] = [];
    const starting = harness.worker(
      async function* (request) {
        requests.push(request);
        yield* answerAtOnce();
      },
      1,
      'w',
      { pool: 'late', agents: () => CARDS },
    );
    await until(() => words > 0, { what: 'the word of a worker without a queue' });
    const gateways = [await listening(), await listening()];
    await starting;
    for (const gateway of gateways) {
      const agent = await announced(gateway);
      assert.deepEqual([agent.name, agent.pool, agent.queue_timeout], ['own', 'late', 77]);
      assert.deepEqual(gateway.fleet.pools, ['default', 'late']);
      assert.equal(gateway.fleet.state('late').slots, 1);
      const told = await collect((await submitted(gateway, agent)).events());
      assert.equal(types(told).at(-1), 'completed');
    }
    assert.deepEqual(
      requests.map((request) => [request.agent, request.queueTimeoutMs]),
      [
        ['own', 77_000],
        ['own', 77_000],
      ],
    );
  });

  it('gets it again after an outage that it did not survive', async () => {
    await start('default', 'late');
    const gateway = await listening();
    await harness.worker(answerAtOnce, 1, 'w', { pool: 'late', agents: () => CARDS });
    const agent = await announced(gateway);
    await collect((await submitted(gateway, agent)).events());
    await harness.manager.streams.delete(requestsStream('late'));
    await gateway.link.connection.reconnect();
    await collect((await submitted(gateway, agent)).events());
  });

  it('holds up nobody else where NATS does not permit it', async () => {
    await start('default');
    const gateway = await listening();
    await harness.worker(answerAtOnce, 1, 'w');
    const word = { v: 1, worker: 'x', pool: 'foreign', slots: 1, busy: 0, draining: false };
    const said = JSON.stringify({ ...word, served: 0, startedAtMs: 1, agents: CARDS });
    harness.observer.publish(fleetSubject('foreign', 'x'), said);
    const agent = await announced(gateway);
    assert.equal(agent.pool, 'foreign');
    await assert.rejects(submit(gateway, 'u', { profile: agent }), { code: 'queue_unavailable' });
    assert.equal(gateway.client.ready, true);
    const told = await collect((await submit(gateway, 'u')).events());
    assert.equal(types(told).at(-1), 'completed');
  });

  it('is nothing to a gateway while its workers name no agent', async () => {
    await start('default', 'late');
    const gateway = await listening();
    let words = 0;
    harness.observer.subscribe('fleet.late.*', { callback: () => void (words += 1) });
    await harness.observer.flush();
    void harness.worker(answerAtOnce, 1, 'w', { pool: 'late' });
    await until(() => words > 1, { what: 'two words' });
    await gateway.link.connection.flush();
    assert.deepEqual([gateway.fleet.pools, gateway.fleet.dropped], [['default'], 0]);
    // Its worker waits for a queue: here it gets one.
    gateway.client.addPool('late');
  });
});

describe('a worker that does not know the agent of a request', () => {
  it('leaves it to one that does, whenever that comes', async () => {
    await start('default');
    const gateway = await listening();
    await harness.worker(answerAtOnce, 3, 'old', { knows: (agent) => agent !== 'agent' });
    const handles: RunHandle[] = [];
    for (let count = 0; count < 5; count += 1) handles.push(await submit(gateway, `u${count}`));
    const givenBack = async (): Promise<boolean> => {
      const info = await harness.manager.consumers.info(requestsStream('default'), 'normal1');
      return info.num_redelivered > 0;
    };
    await until(givenBack, { what: 'a request that was given back' });
    const other = await submit(gateway, 'u', { profile: profile({ name: 'other' }) });
    assert.equal(workerOf(await collect(other.events())), 'old');
    await harness.worker(answerAtOnce, 1, 'new', { knows: () => true });
    for (const handle of handles) {
      const told = await collect(handle.events());
      assert.deepEqual(types(told), ['started', 'text.delta', 'completed']);
      assert.equal(workerOf(told), 'new');
    }
  });
});
