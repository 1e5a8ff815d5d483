import assert from 'node:assert/strict';
import { it } from 'node:test';
import { countersStream } from '@switchboard/contract';
import { startNats, startNatsCluster } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { Counters } from '../src/limits/counters.ts';
import { NatsLink } from '../src/link/nats-link.ts';
import { silent } from './harness.ts';

const MINUTE = 28_000_000;
const BOUNDS = {
  span: 'minute',
  maxBytes: 1024 * 1024,
  // Two hundred additions at once may take a busy machine longer than callers wait.
  answerTimeoutMs: 5_000,
  log: silent,
} as const;

async function open(servers: string, replicas: number) {
  const link = NatsLink.open({ servers, name: 'counters', log: silent });
  const counters = new Counters(link, { ...BOUNDS, replicas });
  counters.start();
  await until(() => counters.ready, { what: 'the counters', timeoutMs: 20_000 });
  const close = async () => {
    counters.close();
    await link.close();
  };
  return { counters, close };
}

/** Adds one after the other until `enough` have been acknowledged; failures are tried again. */
async function addMany(counters: Counters, enough: number, onAdded: (count: number) => void) {
  let refused = 0;
  for (let added = 0; added < enough;) {
    try {
      await counters.add('steady', MINUTE, 1);
      added += 1;
      onAdded(added);
    } catch {
      refused += 1;
      await until(() => counters.ready, { what: 'the counters', timeoutMs: 20_000 });
    }
  }
  return refused;
}

it('a server that is killed forgets no addition that it acknowledged', async (test) => {
  const nats = await startNats();
  test.after(() => nats.stop());
  const { close, counters } = await open(nats.url, 1);
  test.after(close);
  let killed: Promise<void> | undefined;
  const refused = await addMany(counters, 600, (count) => {
    if (count !== 300) return;
    nats.kill();
    killed = nats.process.exited.then(() => nats.restart());
  });
  await killed;
  const total = await counters.read('steady', MINUTE);
  assert.ok(refused > 0, 'the server was away');
  // What had no answer may have been counted.
  assert.ok(total >= 600 && total <= 600 + refused, `${total} counted`);
});

it('a correction waits for a server that is away, and is made once', async (test) => {
  const nats = await startNats();
  test.after(() => nats.stop());
  const { close, counters } = await open(nats.url, 1);
  test.after(close);
  assert.equal(await counters.add('kept', MINUTE, 10), 10);
  nats.kill();
  await until(() => !counters.ready, { what: 'a lost connection' });
  await assert.rejects(counters.add('kept', MINUTE, 1), { code: 'queue_unavailable' });
  const corrections = [counters.correct('kept', MINUTE, -4), counters.correct('kept', MINUTE, 1)];
  await nats.restart();
  await Promise.all(corrections);
  assert.equal(await counters.read('kept', MINUTE), 7);
});

it('three servers let exactly 50 of 200 in over two gateways, and no more when the leader is killed', async (test) => {
  const cluster = await startNatsCluster({ servers: 3 });
  test.after(() => cluster.stop());
  const gateways = [await open(cluster.url, 3), await open(cluster.url, 3)];
  for (const { close } of gateways) test.after(close);
  const storm = async (window: number, onAnswer: (count: number) => void) => {
    let answers = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const gateway = gateways[index % 2]?.counters;
        assert.ok(gateway !== undefined);
        try {
          const total = await gateway.add('limited', window, 1);
          onAnswer(++answers);
          if (total <= 50) return 'admitted';
          await gateway.correct('limited', window, -1);
          return 'refused';
        } catch {
          return 'failed';
        }
      }),
    );
    return outcomes.filter((outcome) => outcome === 'admitted').length;
  };
  assert.equal(await storm(MINUTE, () => undefined), 50);
  const leader = await cluster.leaderOf(countersStream('minute'));
  const admitted = await storm(MINUTE + 1, (count) => {
    if (count === 20) leader?.kill();
  });
  assert.ok(leader !== undefined && admitted <= 50, `${admitted} admitted`);
  await until(
    async () => (await gateways[0]?.counters.read('limited', MINUTE).catch(() => 0)) === 50,
    {
      what: 'the counts on the servers that are left',
      timeoutMs: 20_000,
    },
  );
});
