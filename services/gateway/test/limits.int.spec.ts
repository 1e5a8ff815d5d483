import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startNats } from '@switchboard/stack';
import type { NatsServer } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { Counters, NatsLink } from '@switchboard/transport';
import type { LimitedCaller } from '../src/limits/caller-limits.ts';
import type { Grant } from '../src/limits/grant.ts';
import { LimitError } from '../src/limits/limit-error.ts';
import { Limits } from '../src/limits/limits.ts';
import { toCount } from '../src/limits/minute-count.ts';
import type { Usage } from '../src/limits/minute-count.ts';
import { MINUTE_MS, minuteOf } from '../src/limits/sliding-minute.ts';
import { rateLimitHeaders } from '../src/limits/standing.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const { signal } = new AbortController();

describe('limits of two gateways on one NATS', () => {
  let nats: NatsServer;
  /** A time in the middle of a minute, which is the tests' own. */
  const clock = { nowMs: Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS + 20_000 };
  const gateways: Limits[] = [];
  let minuteCounters: Counters;
  const closers: (() => Promise<void>)[] = [];

  before(async () => {
    nats = await startNats();
    for (let index = 0; index < 2; index++) gateways.push(await openLimits());
  });
  after(async () => {
    for (const close of closers) await close();
    await nats.stop();
  });

  async function openLimits(): Promise<Limits> {
    const link = NatsLink.open({ servers: nats.url, name: 'gateway', log: silent });
    // Two hundred requests at once may take a busy machine longer than callers wait.
    const bounds = { replicas: 1, maxBytes: 1024 * 1024, answerTimeoutMs: 5_000, log: silent };
    const minutes = new Counters(link, { ...bounds, span: 'minute' });
    const days = new Counters(link, { ...bounds, span: 'day' });
    for (const counters of [minutes, days]) counters.start();
    await until(() => minutes.ready && days.ready, { what: 'the counters' });
    minuteCounters = minutes;
    closers.push(async () => {
      for (const counters of [minutes, days]) counters.close();
      await link.close();
    });
    return new Limits({ minutes, days, now: () => clock.nowMs });
  }

  const take = (caller: LimitedCaller, index = 0, tokens = 0): Promise<Grant> => {
    const gateway = gateways[index % 2];
    assert.ok(gateway !== undefined);
    return gateway.take([caller], tokens, signal);
  };

  /** When those who were refused have been taken back: until then they may be in others' way. */
  async function settled(identity: string, usage: Usage): Promise<void> {
    const count = toCount(usage);
    await until(
      async () => (await minuteCounters.read(identity, minuteOf(clock.nowMs))) === count,
      {
        what: 'all refunds',
      },
    );
  }

  /** What came of so many requests at once: the grants, and the refusals by code. */
  async function storm(caller: LimitedCaller, count: number, tokens = 0) {
    const sent = Array.from({ length: count }, (_, index) => take(caller, index, tokens));
    const results = await Promise.allSettled(sent);
    const grants = results.filter((result) => result.status === 'fulfilled');
    const refused = results.filter((result) => result.status === 'rejected');
    const refusals = refused.map(({ reason }) => reason as unknown);
    assert.ok(refusals.every((reason) => reason instanceof LimitError));
    return {
      grants: grants.map(({ value }) => value),
      codes: new Set(refusals.map(({ code }) => code)),
    };
  }

  it('let exactly 50 of 200 requests in that come at once', async () => {
    const caller = { identity: 'fifty', limits: { requestsPerMinute: 50 } };
    const { codes, grants } = await storm(caller, 200);
    assert.equal(grants.length, 50);
    assert.deepEqual([...codes], ['rate_limit_exceeded']);
    assert.equal((await storm(caller, 20)).grants.length, 0);
  });

  it('let exactly as many in as were refunded', async () => {
    const caller = { identity: 'refunds', limits: { requestsPerMinute: 50, tokensPerDay: 5_000 } };
    const { grants } = await storm(caller, 200, 10);
    assert.equal(grants.length, 50);
    await Promise.all(grants.slice(0, 20).map((grant) => grant.refund()));
    await settled('refunds', { requests: 30, tokens: 0 });
    assert.equal((await storm(caller, 100, 10)).grants.length, 20);
  });

  it('count the tokens of both gateways, before a run and after it', async () => {
    const caller = { identity: 'tokens', limits: { tokensPerMinute: 1_000 } };
    const { grants } = await storm(caller, 40, 100);
    assert.equal(grants.length, 10);
    await Promise.all(grants.map((grant) => grant.settle(30)));
    await settled('tokens', { requests: 0, tokens: 300 });
    assert.equal((await storm(caller, 40, 100)).grants.length, 7);
  });

  it('stop a day where its budget ends, whichever gateway it is asked of', async () => {
    const caller = { identity: 'day', limits: { tokensPerDay: 1_000 } };
    const { codes, grants } = await storm(caller, 60, 100);
    assert.equal(grants.length, 10);
    assert.deepEqual([...codes], ['insufficient_quota']);
  });

  it('let a refused request in when it was told to come back, at the other gateway too', async () => {
    const caller = { identity: 'told', limits: { requestsPerMinute: 10 } };
    const { grants } = await storm(caller, 30);
    assert.equal(grants.length, 10);
    await settled('told', { requests: 10, tokens: 0 });
    const refused = await take(caller).catch((error: unknown) => error);
    assert.ok(refused instanceof LimitError && refused.retryAfterMs !== undefined);
    assert.equal(rateLimitHeaders(refused.standing)['x-ratelimit-remaining-requests'], '0');
    clock.nowMs += refused.retryAfterMs - 1;
    await assert.rejects(take(caller, 1), { code: 'rate_limit_exceeded' });
    clock.nowMs += 1;
    const grant = await take(caller, 1);
    assert.equal(rateLimitHeaders(grant.standing)['x-ratelimit-limit-requests'], '10');
  });

  it('let nobody in while NATS is away, and count on when it is back', async () => {
    const caller = { identity: 'away', limits: { requestsPerMinute: 3 } };
    await take(caller);
    nats.kill();
    await nats.process.exited;
    await assert.rejects(take(caller), { code: 'queue_unavailable' });
    await nats.restart();
    for (const gateway of gateways.keys()) {
      await until(() => take(caller, gateway).catch(() => undefined), { what: 'being let in' });
    }
    await assert.rejects(take(caller), { code: 'rate_limit_exceeded' });
  });
});
