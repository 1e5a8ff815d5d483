import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { countersStream } from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import { Counters, type CountersOptions } from '../src/limits/counters.ts';
import type { NatsLink } from '../src/link/nats-link.ts';
import { silent, Harness } from './harness.ts';

const MINUTE = 28_000_000;
const MIB = 1024 * 1024;

describe('counters', () => {
  let harness: Harness;
  const all: Counters[] = [];
  before(async () => {
    harness = await Harness.start();
  });
  after(async () => {
    for (const counters of all) counters.close();
    await harness.stop();
  });

  async function open(link: NatsLink, options: Partial<CountersOptions> = {}): Promise<Counters> {
    const bounds = { span: 'minute', replicas: 1, maxBytes: MIB, log: silent } as const;
    // Two hundred additions at once may take a busy machine longer than callers wait.
    const counters = new Counters(link, { ...bounds, answerTimeoutMs: 5_000, ...options });
    all.push(counters);
    counters.start();
    await until(() => counters.ready, { what: 'the counters' });
    return counters;
  }

  it('give every addition a total of its own, over two gateways (L1)', async () => {
    const gateways = [await open(await harness.link()), await open(await harness.link())];
    const totals = await Promise.all(
      gateways.flatMap((gateway) =>
        Array.from({ length: 100 }, () => gateway.add('unique', MINUTE, 1)),
      ),
    );
    const expected = Array.from({ length: 200 }, (_, index) => index + 1);
    assert.deepEqual(
      totals.toSorted((one, other) => one - other),
      expected,
    );
    assert.equal(await gateways[0]?.read('unique', MINUTE), 200);
  });

  it('keep keys and windows apart, and count from 0', async () => {
    const counters = await open(await harness.link());
    assert.equal(await counters.read('apart', MINUTE), 0);
    assert.equal(await counters.add('apart', MINUTE, 5), 5);
    assert.equal(await counters.add('apart', MINUTE + 1, 1), 1);
    assert.equal(await counters.add('another', MINUTE, 0), 0);
    await counters.correct('apart', MINUTE, -7);
    assert.equal(await counters.read('apart', MINUTE), -2);
    assert.equal(await counters.add('apart', MINUTE, 2 ** 52), 2 ** 52 - 2);
  });

  it('do not show the key to NATS', async () => {
    const counters = await open(await harness.link());
    await counters.add('a secret key', MINUTE, 1);
    const info = await harness.manager.streams.info(countersStream('minute'), {
      subjects_filter: '>',
    });
    const subjects = Object.keys(info.state.subjects ?? {});
    assert.ok(subjects.length > 0 && subjects.every((subject) => !subject.includes('secret')));
  });

  it('let exactly 50 of 200 in that add first, look, and take back what is too much', async () => {
    const gateways = [await open(await harness.link()), await open(await harness.link())];
    for (let round = 0; round < 10; round++) {
      const window = MINUTE + round;
      const admitted = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const gateway = gateways[index % 2];
          const total = (await gateway?.add('limited', window, 1)) ?? Infinity;
          if (total <= 50) return true;
          await gateway?.correct('limited', window, -1);
          return false;
        }),
      );
      assert.equal(admitted.filter(Boolean).length, 50);
      assert.equal(await gateways[0]?.read('limited', window), 50);
    }
  });

  it('fail when no answer comes, without counting twice (L2)', async () => {
    const cable = await Cable.to(harness.nats.port);
    const far = await open(await harness.link(cable.url), { answerTimeoutMs: 300 });
    const near = await open(await harness.link());
    cable.hold();
    await assert.rejects(far.add('silence', MINUTE, 1), { code: 'queue_unavailable' });
    // It was counted, and the answer is what is missing.
    assert.equal(await near.read('silence', MINUTE), 1);
    await far.correct('silence', MINUTE, -1);
    assert.equal(
      await near.read('silence', MINUTE),
      0,
      'the correction arrived, and was not repeated',
    );
    cable.release();
    far.close();
    cable.close();
  });

  it('are made again when somebody has removed them', async () => {
    const counters = await open(await harness.link());
    await counters.add('removed', MINUTE, 3);
    await harness.manager.streams.delete(countersStream('minute'));
    await assert.rejects(counters.add('removed', MINUTE, 1), { code: 'queue_unavailable' });
    await until(() => counters.add('removed', MINUTE, 1).catch(() => undefined), {
      what: 'counters that are made again',
    });
  });

  it('forget what was added to the longest time ago when there are too many', async () => {
    const counters = await open(await harness.link(), { maxBytes: 16_384 });
    await counters.add('first', MINUTE, 1);
    for (let key = 0; key < 200; key++) await counters.add(`key ${key}`, MINUTE, 1);
    const { state } = await harness.manager.streams.info(countersStream('minute'));
    assert.ok(state.bytes <= 16_384);
    assert.equal(await counters.read('first', MINUTE), 0);
    assert.equal(await counters.add('key 199', MINUTE, 1), 2);
  });
});
