import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { startNatsCluster } from '@switchboard/stack';
import { connect } from '@nats-io/transport-node';
import { seededRandom, testSeed, until } from '@switchboard/testkit';
import { AccountCaps } from '../src/limits/account-caps.ts';
import { NatsLink } from '../src/link/nats-link.ts';
import { api, store } from '../src/link/store.ts';
import { ensureStreams } from '../src/link/topology.ts';
import { silent } from './harness.ts';

const STREAM = 'REQUESTS_default';
const FILTER = 'requests.default.*.*.account.*.*';
const MOST = 20;

for (const servers of [1, 3]) {
  it(`the users of a key have exactly its bound together, over two gateways and ${servers} server(s)`, async (test) => {
    const random = seededRandom(testSeed(test));
    const cluster = await startNatsCluster({ servers });
    test.after(() => cluster.stop());
    const observer = await connect({ servers: cluster.url.split(',') });
    test.after(() => observer.close());
    await ensureStreams(observer, ['default'], {
      replicas: servers,
      maxOutstanding: 1_000,
      maxOutstandingBytes: 1024 * 1024,
      eventsMaxBytes: 1024 * 1024,
      eventsMaxAgeMs: 3_600_000,
    });
    const one = await openCaps(cluster.url);
    const gateways = [one, await openCaps(cluster.url)];
    for (const { link } of gateways) test.after(() => link.close());
    const { link } = one;
    const stored = new Set<number>();
    let users = 0;
    let most = 0;

    const submit = async (gateway = random.pick(gateways), bound = MOST): Promise<boolean> => {
      const subject = `requests.default.normal.1.account.user${++users}.1`;
      try {
        const { seq } = await gateway.caps.store(
          { stream: STREAM, filter: FILTER, most: bound },
          (expected) => store(gateway.link, subject, 'request', expected),
        );
        stored.add(seq);
        return true;
      } catch (error) {
        assert.ok(error instanceof SwitchboardError && error.code === 'too_many_outstanding');
        return false;
      }
    };
    const end = async (seq: number): Promise<void> => {
      if (stored.delete(seq))
        await api(link, `STREAM.MSG.DELETE.${STREAM}`, { seq, no_erase: true });
    };
    const look = async (): Promise<number> => {
      const info = await api(link, `STREAM.INFO.${STREAM}`, { subjects_filter: FILTER });
      const { state } = info as { state: { subjects?: object } };
      most = Math.max(most, Object.keys(state.subjects ?? {}).length);
      return most;
    };

    const outcomes = await Promise.all(Array.from({ length: 80 }, () => submit()));
    assert.equal(outcomes.filter(Boolean).length, MOST);
    assert.equal(await look(), MOST);

    // Requests end while others come: the bound is never exceeded, and what has gone makes room.
    let accepted = 0;
    for (let round = 0; round < 30; round++) {
      const coming = Array.from({ length: random.int(1, 10) }, () => submit());
      const ending = random.shuffle([...stored]).slice(0, random.int(0, 6));
      const looks = [look(), ...ending.map((seq) => end(seq)), look()];
      const results = await Promise.all(coming);
      await Promise.all(looks);
      accepted += results.filter(Boolean).length;
    }
    assert.ok(accepted > 0 && most <= MOST, `${accepted} accepted, ${most} at once`);
    await Promise.all([...stored].map((seq) => end(seq)));
    const again = await Promise.all(Array.from({ length: 80 }, () => submit()));
    assert.equal(again.filter(Boolean).length, MOST, 'all of it is free again');
  });
}

async function openCaps(servers: string) {
  const link = NatsLink.open({ servers, name: 'gateway', log: silent });
  await until(() => link.connected, { what: 'a connection' });
  return { link, caps: new AccountCaps(link) };
}
