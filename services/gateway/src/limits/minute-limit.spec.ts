import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { seededRandom, testSeed } from '@switchboard/testkit';
import type { SeededRandom } from '@switchboard/testkit';
import { FakeCounters } from '../../test/fake-counters.ts';
import type { LimitedCaller } from './caller-limits.ts';
import type { Charge } from './charge.ts';
import { LimitError } from './limit-error.ts';
import { fromCount } from './minute-count.ts';
import { MinuteLimit } from './minute-limit.ts';
import { MINUTE_MS, minuteOf, usedIn } from './sliding-minute.ts';

const START_MS = 1_700_000_040_000;

/** What got in, by minute: kept beside the counters, to judge them. */
class Ledger {
  readonly #minutes = new Map<number, { requests: number; tokens: number }>();

  of(minute: number) {
    const found = this.#minutes.get(minute) ?? { requests: 0, tokens: 0 };
    this.#minutes.set(minute, found);
    return found;
  }

  used(kind: 'requests' | 'tokens', nowMs: number): number {
    const window = minuteOf(nowMs);
    const previous = this.of(window - 1)[kind];
    return usedIn({ previous, current: this.of(window)[kind], elapsedMs: nowMs % MINUTE_MS });
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Many requests at once over two gateways, some given back, while minutes go by. */
async function storm(random: SeededRandom, overruns: string[]): Promise<FakeCounters> {
  const clock = { nowMs: START_MS + random.int(0, MINUTE_MS) };
  const counters = new FakeCounters();
  const tickMs = random.pick([0, 1, 40, 400]);
  counters.delay = async () => {
    for (let turns = random.int(1, 3); turns > 0; turns--) await nextTurn();
    clock.nowMs += random.int(0, tickMs);
  };
  const gateways = [1, 2].map(() => new MinuteLimit(counters, () => clock.nowMs));
  const requestsPerMinute = random.int(1, 20);
  const tokensPerMinute = random.int(100, 1_000);
  const caller = { identity: 'a', limits: { requestsPerMinute, tokensPerMinute } };
  const ledger = new Ledger();
  const open: Promise<void>[] = [];

  const request = async (): Promise<void> => {
    const tokens = random.int(1, 100);
    const charge = await takeOrNot(random.pick(gateways), caller, tokens);
    if (charge === undefined) return;
    const minute = ledger.of(minuteOf(clock.nowMs));
    minute.requests += 1;
    minute.tokens += tokens;
    const requests = ledger.used('requests', clock.nowMs);
    const used = ledger.used('tokens', clock.nowMs);
    if (requests > requestsPerMinute) overruns.push(`${requests} of ${requestsPerMinute} requests`);
    if (used > tokensPerMinute) overruns.push(`${used} of ${tokensPerMinute} tokens`);
    if (random.next() < 0.5) return;
    for (let turns = random.int(0, 9); turns > 0; turns--) await counters.delay();
    minute.requests -= 1;
    minute.tokens -= tokens;
    await charge.refund();
  };

  for (let index = 0; index < 150; index++) {
    open.push(request());
    if (random.next() < 0.3) await counters.delay();
    if (random.next() > 0.2) continue;
    // The clock only goes on at the beginning of a turn: what is let in is let in at one moment.
    await nextTurn();
    clock.nowMs += random.int(0, MINUTE_MS / 4);
  }
  await Promise.all(open);
  await counters.corrected;
  for (const [key, total] of counters.totals) {
    const minute = ledger.of(Number(key.split(' ')[1]));
    // Who is refunded when the minute is long over is not taken out any more.
    const counted = fromCount(total);
    if (counted.requests < minute.requests) overruns.push(`${key}: ${counted.requests} counted`);
  }
  return counters;
}

async function takeOrNot(
  gateway: MinuteLimit,
  caller: LimitedCaller,
  tokens: number,
): Promise<Charge | undefined> {
  try {
    return await gateway.take(caller, tokens);
  } catch (error) {
    if (error instanceof LimitError) return undefined;
    // Minutes went by faster than answers came.
    if (error instanceof SwitchboardError && error.code === 'queue_unavailable') return undefined;
    throw error;
  }
}

function setUp(limits: LimitedCaller['limits'], elapsedMs = 0) {
  const clock = { nowMs: minuteOf(START_MS) * MINUTE_MS + elapsedMs };
  const counters = new FakeCounters();
  const gateway = new MinuteLimit(counters, () => clock.nowMs);
  const caller = { identity: 'a', limits };
  const counted = (window = minuteOf(clock.nowMs)) => fromCount(counters.total('a', window));
  return {
    clock,
    counters,
    counted,
    take: (tokens = 0) => gateway.take(caller, tokens),
    tryTake: (tokens = 0) => takeOrNot(gateway, caller, tokens),
  };
}

const refusalOf = async (attempt: Promise<unknown>): Promise<LimitError> => {
  const thrown = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof LimitError);
  return thrown;
};

describe('the limit of a minute', () => {
  it('never lets in more than the limit in a sliding minute (M1, M2), whatever comes between', async (t) => {
    const random = seededRandom(testSeed(t));
    for (let round = 0; round < 30; round++) {
      const overruns: string[] = [];
      await storm(random, overruns);
      assert.deepEqual(overruns, [], `round ${round}`);
    }
  });

  it('lets exactly 50 of 200 in that come at once over two gateways', async () => {
    const clock = { nowMs: START_MS };
    const counters = new FakeCounters();
    counters.delay = async () => void (await nextTurn());
    const gateways = [1, 2].map(() => new MinuteLimit(counters, () => clock.nowMs));
    const caller = { identity: 'a', limits: { requestsPerMinute: 50 } };
    const taken = await Promise.all(
      Array.from({ length: 100 }, () =>
        Promise.all(gateways.map((gateway) => takeOrNot(gateway, caller, 0))),
      ),
    );
    assert.equal(taken.flat().filter((charge) => charge !== undefined).length, 50);
    await counters.corrected;
    assert.equal(counters.total('a', minuteOf(START_MS)), 50);
  });

  it('tells when a refused request will fit, and that comes true and is not too long', async () => {
    const { clock, take, tryTake } = setUp({ requestsPerMinute: 6 }, 10_000);
    for (let index = 0; index < 6; index++) await take();
    const { code, limit, message, retryAfterMs = 0 } = await refusalOf(take());
    assert.deepEqual([code, limit, retryAfterMs], ['rate_limit_exceeded', 'requests', 60_000]);
    assert.match(message, /limit of 6 requests per minute.*6 used, 1 requested.*in 1m0s/);
    clock.nowMs += retryAfterMs - 1;
    assert.equal(await tryTake(), undefined);
    clock.nowMs += 1;
    assert.notEqual(await tryTake(), undefined);
  });

  it('does not make a herd wait longer for those of it that are refused', async () => {
    const { counters, take } = setUp({ requestsPerMinute: 6 }, 10_000);
    counters.delay = async () => void (await nextTurn());
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => take()));
    const refused = results.filter((result) => result.status === 'rejected');
    const waits = new Set(refused.map(({ reason }) => (reason as LimitError).retryAfterMs));
    assert.deepEqual([refused.length, [...waits]], [34, [60_000]]);
  });

  it('names the longer wait where both requests and tokens are used up', async () => {
    const { take } = setUp({ requestsPerMinute: 1, tokensPerMinute: 100 });
    await take(100);
    const { limit, retryAfterMs, standing } = await refusalOf(take(60));
    assert.deepEqual([limit, retryAfterMs], ['requests', 120_000]);
    assert.deepEqual([standing.requests?.remaining, standing.tokens?.remaining], [0, 0]);
  });

  it('asks once for the minute before, and once more when clocks may have differed', async () => {
    const { clock, counters, take } = setUp({ requestsPerMinute: 100 });
    await Promise.all([take(), take(), take()]);
    assert.equal(counters.calls.read, 1);
    clock.nowMs += 1_000;
    await take();
    await take();
    assert.deepEqual([counters.calls.add, counters.calls.read], [5, 2]);
  });

  it('does not refuse for what another gateway has given back in the minute before (M3)', async () => {
    const { clock, counters, take, tryTake } = setUp({ requestsPerMinute: 2 }, 50_000);
    const charge = await take();
    await take();
    clock.nowMs += 11_000;
    assert.equal(await tryTake(), undefined);
    await charge.refund();
    clock.nowMs += 1_001;
    assert.notEqual(await tryTake(), undefined);
    assert.equal(counters.total('a', minuteOf(clock.nowMs)), 1);
  });

  it('gives back what a request did not need, and counts what it used beyond the estimate', async () => {
    const { clock, counted, take } = setUp({ requestsPerMinute: 9, tokensPerMinute: 1_000 });
    const first = minuteOf(clock.nowMs);
    const [less, more, exact] = [await take(300), await take(300), await take(300)];
    clock.nowMs += MINUTE_MS;
    await less.settle(100);
    await more.settle(350);
    await exact.settle(300);
    assert.deepEqual(counted(first), { requests: 3, tokens: 700 });
    assert.deepEqual(counted(first + 1), { requests: 0, tokens: 50 });
  });

  it('says nothing to NATS about minutes that do not count any more', async () => {
    const { clock, counters, take } = setUp({ requestsPerMinute: 9, tokensPerMinute: 1_000 });
    const charge = await take(300);
    clock.nowMs += 2 * MINUTE_MS;
    await charge.settle(100);
    await charge.refund();
    assert.equal(counters.calls.correct, 0);
  });

  it('counts a request that met the end of its minute in the next one only (M2)', async () => {
    const { clock, counted, counters, take } = setUp({ requestsPerMinute: 9 }, 59_999);
    const first = minuteOf(clock.nowMs);
    let waits = 0;
    counters.delay = () => {
      waits += 1;
      if (waits === 2) clock.nowMs += 1;
      return Promise.resolve();
    };
    await take();
    await counters.corrected;
    assert.deepEqual([counted(first).requests, counted(first + 1).requests], [0, 1]);
  });

  it('leaves nothing counted when the minute before cannot be read', async () => {
    const { clock, counters, take } = setUp({ requestsPerMinute: 9 });
    counters.read = () => Promise.reject(new Error('away'));
    await assert.rejects(take(), /away/);
    await counters.corrected;
    assert.equal(counters.total('a', minuteOf(clock.nowMs)), 0);
  });
});
