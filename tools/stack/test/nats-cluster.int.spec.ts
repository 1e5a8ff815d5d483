import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { startNatsCluster, startStack, type NatsCluster, type NatsServer } from '../src/index.ts';

const STREAM = 'KEPT';
const PATIENCE_MS = 60_000;

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(performance.now() < deadlineMs, `still waiting for ${what}`);
    await delay(50);
  }
}

describe('three nats-servers', () => {
  let cluster: NatsCluster;
  before(async () => {
    cluster = await startNatsCluster({ servers: 3 });
    const config = { name: STREAM, subjects: ['kept.>'], num_replicas: 3 };
    const { error } = await cluster.ask(`STREAM.CREATE.${STREAM}`, config);
    assert.equal(error, undefined);
  });
  after(async () => await cluster.stop());

  async function leader(but?: NatsServer): Promise<NatsServer> {
    let found: NatsServer | undefined;
    await until('a leader', async () => {
      found = await cluster.leaderOf(STREAM);
      return found !== undefined && found !== but;
    });
    assert.ok(found !== undefined);
    return found;
  }

  it('have each its own port, and services are given all of them', () => {
    const ports = new Set(cluster.servers.map(({ port }) => port));
    assert.equal(ports.size, 3);
    const urls = [...ports].map((port) => `nats://127.0.0.1:${port}`);
    assert.deepEqual(cluster.url.split(','), urls);
    assert.deepEqual(cluster.gatewayEnv, { NATS_REPLICAS: '3' });
  });

  it('go on when the leader of a stream is killed, and take it back with its store', async () => {
    const lost = await leader();
    const { pid } = lost;
    lost.kill();
    await lost.exited;
    assert.notEqual(await leader(lost), lost);
    assert.equal(await cluster.current(), false);
    await lost.restart();
    assert.notEqual(lost.pid, pid);
    await until('all replicas to be current', async () => await cluster.current());
  });

  it('say which of them leads a consumer', async () => {
    const durable = { stream_name: STREAM, config: { durable_name: 'lane', ack_policy: 'none' } };
    const { error } = await cluster.ask(`CONSUMER.DURABLE.CREATE.${STREAM}.lane`, durable);
    assert.equal(error, undefined);
    await until('its leader', async () => {
      return (await cluster.leaderOf(STREAM, 'lane')) !== undefined;
    });
    assert.equal(await cluster.leaderOf(STREAM, 'nobody'), undefined);
  });
});

describe('a stack on three nats-servers', () => {
  it('keeps three replicas of every stream, and stops them all', async (test) => {
    const stack = await startStack({ nats: { servers: 3 }, workers: 0, withoutSimulator: true });
    test.after(async () => await stack.stop());
    const { natsCluster } = stack;
    const replicas = async (): Promise<readonly number[]> => {
      const { streams } = await natsCluster.ask('STREAM.NAMES');
      const infos = (streams ?? []).map(
        async (name) => await natsCluster.ask(`STREAM.INFO.${name}`),
      );
      return (await Promise.all(infos)).map(({ cluster }) => (cluster?.replicas ?? []).length + 1);
    };
    const ready = async () => (await fetch(`${stack.url}/readyz`)).ok;
    await until('the gateway to be ready', ready);
    // Of a stream that was made a moment ago a server on a busy machine was seen to name four.
    await until('three replicas of each', async () => {
      const counts = await replicas();
      return counts.length > 0 && counts.every((count) => count === 3);
    });
    const pids = natsCluster.servers.map(({ pid }) => pid);
    await stack.stop();
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });
});
