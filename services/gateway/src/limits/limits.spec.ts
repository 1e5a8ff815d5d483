import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { FakeCounters } from '../../test/fake-counters.ts';
import type { CallerLimits } from './caller-limits.ts';
import { LimitError } from './limit-error.ts';
import { Limits } from './limits.ts';
import { fromCount } from './minute-count.ts';
import { minuteOf } from './sliding-minute.ts';

const DAY_MS = 86_400_000;
const NOON_MS = 20_000 * DAY_MS + DAY_MS / 2;

function setUp(nowMs = NOON_MS) {
  const clock = { nowMs };
  const minutes = new FakeCounters();
  const days = new FakeCounters();
  const limits = new Limits({ minutes, days, now: () => clock.nowMs });
  const { signal } = new AbortController();
  const take = (limit: CallerLimits, tokens = 10, identity = 'a') =>
    limits.take([{ identity, limits: limit }], tokens, signal);
  const used = (identity = 'a') => ({
    ...fromCount(minutes.total(identity, minuteOf(clock.nowMs))),
    day: days.total(identity, Math.floor(clock.nowMs / DAY_MS)),
  });
  return { clock, days, limits, minutes, signal, take, used };
}

const isCode =
  (code: string, pattern = /./) =>
  (error: unknown) =>
    error instanceof LimitError && error.code === code && pattern.test(error.message);

const ALL = { requestsPerMinute: 5, tokensPerMinute: 1_000, tokensPerDay: 2_000 };

describe('limits', () => {
  it('cost a caller without any no call at all', async () => {
    const { days, minutes, take } = setUp();
    const grant = await take({});
    await grant.settle(1_000);
    assert.deepEqual(grant.standing, { requests: undefined, tokens: undefined });
    assert.deepEqual(
      [minutes.calls, days.calls],
      [
        { add: 0, read: 0, correct: 0 },
        { add: 0, read: 0, correct: 0 },
      ],
    );
  });

  it('cost one call for the minute, one for the day, and the same to settle', async () => {
    const { days, minutes, take } = setUp();
    await take(ALL);
    const grant = await take(ALL);
    await grant.settle(4);
    assert.deepEqual(minutes.calls, { add: 2, read: 1, correct: 1 });
    assert.deepEqual(days.calls, { add: 2, read: 0, correct: 1 });
  });

  it('are given back exactly, once, when a later check refuses the request', async () => {
    const { take, used } = setUp();
    const grant = await take(ALL, 700);
    assert.deepEqual(used(), { requests: 1, tokens: 700, day: 700 });
    await Promise.all([grant.refund(), grant.refund(), grant.settle(5_000)]);
    assert.deepEqual(used(), { requests: 0, tokens: 0, day: 0 });
  });

  it('are corrected to what was used, once', async () => {
    const { take, used } = setUp();
    const grant = await take(ALL, 700);
    await grant.settle(120.4);
    await grant.settle(500);
    await grant.refund();
    assert.deepEqual(used(), { requests: 1, tokens: 120, day: 120 });
    const other = await take(ALL, 10);
    await other.settle(30);
    assert.deepEqual(used(), { requests: 2, tokens: 150, day: 150 });
  });

  it('refuse with nothing counted, whichever of them it is', async () => {
    const { days, minutes, take, used } = setUp();
    await take(ALL, 900);
    const before = used();
    await assert.rejects(take(ALL, 101), isCode('rate_limit_exceeded'));
    await Promise.all([minutes.corrected, days.corrected]);
    assert.deepEqual(used(), before);
    await assert.rejects(take({ tokensPerDay: 950 }, 51), isCode('insufficient_quota'));
    await assert.rejects(
      take({ ...ALL, tokensPerMinute: 5_000, tokensPerDay: 950 }, 51),
      isCode('insufficient_quota'),
    );
    await Promise.all([minutes.corrected, days.corrected]);
    assert.deepEqual(used(), before);
  });

  it('begin a new budget at 00:00 UTC, and say when that is', async () => {
    const { clock, take, used } = setUp(NOON_MS + DAY_MS / 2 - 90_000);
    await take({ tokensPerDay: 100 }, 95);
    await assert.rejects(take({ tokensPerDay: 100 }, 6), (error: unknown) => {
      assert.ok(
        isCode('insufficient_quota', /95 used, 6 requested.*T00:00:00.000Z, in 1m30s/)(error),
      );
      assert.ok(error instanceof LimitError);
      assert.equal(error.retryAfterMs, 90_000);
      assert.deepEqual(error.standing.tokens, { limit: 100, remaining: 5, resetMs: 90_000 });
      return true;
    });
    clock.nowMs += 89_999;
    await assert.rejects(take({ tokensPerDay: 100 }, 6), isCode('insufficient_quota'));
    clock.nowMs += 1;
    await take({ tokensPerDay: 100 }, 6);
    assert.equal(used().day, 6);
  });

  it('count a request that met the end of its day in the next one only', async () => {
    const { clock, days, take } = setUp(NOON_MS + DAY_MS / 2 - 1);
    const today = Math.floor(clock.nowMs / DAY_MS);
    days.delay = () => {
      if (days.calls.add === 1) clock.nowMs = NOON_MS + DAY_MS / 2;
      return Promise.resolve();
    };
    await take({ tokensPerDay: 100 }, 60);
    await days.corrected;
    assert.deepEqual([days.total('a', today), days.total('a', today + 1)], [0, 60]);
  });

  it('say of a request that is larger than a limit that it can never fit', async () => {
    const { days, minutes, take } = setUp();
    const never = isCode('request_over_limit', /never fit/);
    await assert.rejects(take({ tokensPerMinute: 100 }, 101), never);
    await assert.rejects(take({ tokensPerDay: 100 }, 101), never);
    await assert.rejects(take({ requestsPerMinute: 0 }), never);
    assert.equal(minutes.calls.add + days.calls.add, 0);
  });

  it('of a key and its user hold together: either refuses, and then neither counts', async () => {
    const { limits, minutes, signal, used } = setUp();
    const key = { identity: 'key', limits: { requestsPerMinute: 3 } };
    const user = (name: string) => ({ identity: name, limits: { requestsPerMinute: 2 } });
    const take = (name: string) => limits.take([key, user(name)], 0, signal);
    await take('ada');
    const grant = await take('ada');
    assert.deepEqual(grant.standing.requests?.remaining, 0);
    await assert.rejects(take('ada'), isCode('rate_limit_exceeded', /limit of 2/));
    await minutes.corrected;
    await take('bob');
    await assert.rejects(take('bob'), isCode('rate_limit_exceeded', /limit of 3/));
    await minutes.corrected;
    assert.deepEqual(
      [used('key'), used('ada'), used('bob')].map(({ requests }) => requests),
      [3, 2, 1],
    );
  });

  it('count nothing for a caller who has left meanwhile', async () => {
    const { days, limits, minutes, used } = setUp();
    const leaving = new AbortController();
    minutes.delay = () => {
      leaving.abort();
      return Promise.resolve();
    };
    const taking = limits.take([{ identity: 'a', limits: ALL }], 10, leaving.signal);
    await assert.rejects(taking, { name: 'AbortError' });
    await Promise.all([minutes.corrected, days.corrected]);
    assert.deepEqual(used(), { requests: 0, tokens: 0, day: 0 });
  });

  it('let nobody in while the counters cannot be reached, and give the other part back', async () => {
    const { days, minutes, take, used } = setUp();
    minutes.failure = new SwitchboardError('queue_unavailable', 'Away.');
    await assert.rejects(take(ALL), { code: 'queue_unavailable' });
    await days.corrected;
    assert.equal(used().day, 0);
  });
});
