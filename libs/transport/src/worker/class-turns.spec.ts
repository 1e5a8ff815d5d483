import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Priority } from '@switchboard/contract';
import fc from 'fast-check';
import { ClassTurns } from './class-turns.ts';

const seed = Number(process.env['SEED'] ?? 81);

/** Serves `slots` at once, of what waits; what one class leaves goes to the other. */
function serve(turns: ClassTurns, slots: number, waiting: Record<Priority, number>): number {
  const share = turns.highAmong(slots);
  let high = Math.min(share, waiting.high);
  const normal = Math.min(slots - high, waiting.normal);
  high = Math.min(slots - normal, waiting.high);
  for (let count = 0; count < high; count++) turns.served('high');
  for (let count = 0; count < normal; count++) turns.served('normal');
  if (waiting.high === high) turns.nothingOf('high');
  if (waiting.normal === normal) turns.nothingOf('normal');
  return high;
}

const MUCH = { high: 1_000_000, normal: 1_000_000 };

describe('the turns of the priorities', () => {
  it('give one slot after another to four high ones and a normal one, begun at any of the five', () => {
    const order = [0, 1, 2, 3, 4].map((begun) => {
      const turns = new ClassTurns(begun);
      return Array.from({ length: 10 }, () => (serve(turns, 1, MUCH) === 1 ? 'H' : 'n')).join('');
    });
    assert.deepEqual(order, ['HHHHnHHHHn', 'HHHnHHHHnH', 'HHnHHHHnHH', 'HnHHHHnHHH', 'nHHHHnHHHH']);
  });

  it('count the high turns among several slots as one slot after another would have them', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.nat(40), fc.nat(60), (begun, before, slots) => {
        const turns = new ClassTurns(begun);
        for (let slot = 0; slot < before; slot++) serve(turns, 1, MUCH);
        const expected = turns.highAmong(slots);
        let high = 0;
        for (let slot = 0; slot < slots; slot++) high += serve(turns, 1, MUCH);
        assert.equal(expected, high);
      }),
      { seed },
    );
  });

  it('come to 4:1 whatever number of slots is served at once', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.nat(4), sizes, (begun, slots) => {
        const turns = new ClassTurns(begun);
        const high = slots.reduce((all, size) => all + serve(turns, size, MUCH), 0);
        const all = slots.reduce((sum, size) => sum + size, 0);
        assert.ok(Math.abs(high - 0.8 * all) < 1, `${high} of ${all}`);
      }),
      { seed },
    );
  });

  it('leave no slot idle, and let nobody save up turns or owe any', () => {
    for (const alone of ['high', 'normal'] as const) {
      const turns = new ClassTurns(2);
      const waiting = { high: 0, normal: 0, [alone]: 1_000_000 };
      for (let round = 0; round < 100; round++) {
        assert.equal(serve(turns, 7, waiting), alone === 'high' ? 7 : 0);
      }
      const next = Array.from({ length: 5 }, () => serve(turns, 1, MUCH));
      assert.equal(next.filter((high) => high === 1).length, 4, `after ${alone} alone`);
    }
  });
});
