import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromCount, MINUTE_REQUESTS_MAX, MINUTE_TOKENS_MAX, toCount } from './minute-count.ts';

const anyUsage = fc.record({
  requests: fc.integer({ min: -MINUTE_REQUESTS_MAX, max: MINUTE_REQUESTS_MAX }),
  tokens: fc.integer({ min: -MINUTE_TOKENS_MAX, max: MINUTE_TOKENS_MAX }),
});

describe('the count of a minute', () => {
  it('holds requests and tokens up to their limits, also below 0', () => {
    fc.assert(
      fc.property(anyUsage, (usage) => {
        assert.ok(Number.isSafeInteger(toCount(usage)));
        // A count of 0 has no sign.
        assert.deepEqual(fromCount(toCount(usage)), {
          requests: usage.requests + 0,
          tokens: usage.tokens + 0,
        });
      }),
    );
  });

  it('is added to as both of its parts are', () => {
    const small = fc.record({
      requests: fc.integer({ min: -1_000, max: 1_000 }),
      tokens: fc.integer({ min: -1_000_000, max: 1_000_000 }),
    });
    fc.assert(
      fc.property(small, small, (one, other) => {
        assert.deepEqual(fromCount(toCount(one) + toCount(other)), {
          requests: one.requests + other.requests + 0,
          tokens: one.tokens + other.tokens + 0,
        });
      }),
    );
  });
});
