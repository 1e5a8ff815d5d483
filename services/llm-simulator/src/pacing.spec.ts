import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Pacing } from './pacing.ts';
import { parseScript } from './script.ts';

function gaps(script: string, requestId: string): readonly number[] {
  const pacing = new Pacing(parseScript(script), requestId);
  return Array.from({ length: 200 }, () => pacing.nextGapMs());
}

describe('pacing', () => {
  it('is exact without jitter', () => {
    assert.deepEqual(new Set(gaps('pace=50ms', 'r')), new Set([50]));
  });

  it('stays within the fraction and uses both sides of it', () => {
    const waits = gaps('pace=100ms,jitter=0.2', 'r');
    assert.ok(waits.every((ms) => ms >= 80 && ms <= 120));
    assert.ok(waits.some((ms) => ms < 95) && waits.some((ms) => ms > 105));
  });

  it('never waits less than nothing', () => {
    const waits = gaps('pace=1ms,jitter=20ms', 'r');
    assert.ok(waits.every((ms) => ms >= 0) && waits.includes(0));
  });

  it('is the same for the same seed and request, and differs with either', () => {
    const script = 'pace=100ms,jitter=0.5,seed=4';
    assert.deepEqual(gaps(script, 'r'), gaps(script, 'r'));
    assert.notDeepEqual(gaps(script, 'r'), gaps(script, 'q'));
    assert.notDeepEqual(gaps(script, 'r'), gaps('pace=100ms,jitter=0.5,seed=5', 'r'));
  });
});
