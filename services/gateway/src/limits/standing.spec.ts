import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { durationText, rateLimitHeaders, tightest } from './standing.ts';

describe('rate limit headers', () => {
  it("have OpenAI's names and its way to write a time", () => {
    const standing = {
      requests: { limit: 50, remaining: 49, resetMs: 1_000 },
      tokens: { limit: 150_000, remaining: 149_984, resetMs: 360_000 },
    };
    assert.deepEqual(rateLimitHeaders(standing), {
      'x-ratelimit-limit-requests': '50',
      'x-ratelimit-remaining-requests': '49',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6m0s',
    });
  });

  it('say nothing of what has no limit', () => {
    assert.deepEqual(rateLimitHeaders({}), {});
    const one = { requests: { limit: 1, remaining: 0, resetMs: 0 } };
    assert.deepEqual(Object.keys(rateLimitHeaders(one)).length, 3);
  });

  it('write times from nothing to hours', () => {
    const texts = [-1, 0, 20, 999.2, 1_500, 59_999, 60_000, 359_001, 3_600_000, 25_920_000];
    assert.deepEqual(texts.map(durationText), [
      '0s',
      '0s',
      '20ms',
      '1s',
      '1.5s',
      '59.999s',
      '1m0s',
      '6m0s',
      '1h0m0s',
      '7h12m0s',
    ]);
  });

  it('tell of the limit that is hit first', () => {
    const of = (limit: number, remaining: number) => ({ limit, remaining, resetMs: 1 });
    const standing = tightest([
      { requests: of(10, 4), tokens: of(100, 90) },
      { tokens: of(1_000, 20) },
      {},
    ]);
    assert.deepEqual(standing, { requests: of(10, 4), tokens: of(1_000, 20) });
  });
});
