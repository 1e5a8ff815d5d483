import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { emptyInMs, isWithin, MINUTE_MS, roomInMs, usedIn } from './sliding-minute.ts';
import type { Minute } from './sliding-minute.ts';

const anyMinute = fc.record({
  previous: fc.nat({ max: 4_000_000_000 }),
  current: fc.nat({ max: 4_000_000_000 }),
  elapsedMs: fc.nat({ max: MINUTE_MS - 1 }),
});
const smallMinute = fc.record({
  previous: fc.nat({ max: 60 }),
  current: fc.nat({ max: 60 }),
  elapsedMs: fc.nat({ max: MINUTE_MS - 1 }),
});

/** The same minute `ms` later, nothing used meanwhile; at most two minutes on. */
function later({ previous, current, elapsedMs }: Minute, ms: number): Minute {
  const at = elapsedMs + ms;
  if (at < MINUTE_MS) return { previous, current, elapsedMs: at };
  if (at < 2 * MINUTE_MS) return { previous: current, current: 0, elapsedMs: at - MINUTE_MS };
  return { previous: 0, current: 0, elapsedMs: at - 2 * MINUTE_MS };
}

const withMore = (minute: Minute, amount: number): Minute => ({
  ...minute,
  current: minute.current + amount,
});

describe('the sliding minute', () => {
  it('counts what the minute before used by the share that is still covered', () => {
    const minute = { previous: 60, current: 5 };
    assert.equal(usedIn({ ...minute, elapsedMs: 0 }), 65);
    assert.equal(usedIn({ ...minute, elapsedMs: 30_000 }), 35);
    assert.equal(usedIn({ ...minute, elapsedMs: 59_999 }), 6);
  });

  it('is within a limit exactly when what it used, rounded up, is', () => {
    fc.assert(
      fc.property(anyMinute, fc.nat({ max: 8_000_000_000 }), (minute, limit) => {
        assert.equal(isWithin(minute, limit), usedIn(minute) <= limit);
      }),
    );
  });

  it('tells the first millisecond at which an amount fits', () => {
    const amounts = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(
        smallMinute,
        amounts,
        fc.integer({ min: 50, max: 60 }),
        (minute, amount, limit) => {
          const ms = roomInMs(minute, amount, limit);
          assert.ok(ms >= 0 && ms <= 2 * MINUTE_MS);
          assert.ok(isWithin(withMore(later(minute, ms), amount), limit), `not after ${ms} ms`);
          if (ms === 0) return;
          assert.ok(!isWithin(withMore(later(minute, ms - 1), amount), limit), `before ${ms} ms`);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is empty when it says that it will be, and not before', () => {
    fc.assert(
      fc.property(smallMinute, (minute) => {
        const ms = emptyInMs(minute);
        assert.equal(usedIn(later(minute, ms)), 0);
        if (ms > 0) assert.ok(usedIn(later(minute, ms - 1)) > 0);
      }),
    );
  });
});
