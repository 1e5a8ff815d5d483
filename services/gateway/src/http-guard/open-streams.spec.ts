import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OpenStreams } from './open-streams.ts';

describe('the streams of a caller', () => {
  it('are at most as many as allowed, of each caller on their own', () => {
    const streams = new OpenStreams(2);
    const first = streams.acquire('a');
    streams.acquire('a');
    assert.throws(() => streams.acquire('a'), { code: 'too_many_streams' });
    streams.acquire('b');
    first();
    streams.acquire('a');
    assert.throws(() => streams.acquire('a'), { code: 'too_many_streams' });
  });

  it('leave nothing behind, however often a place is given back', () => {
    const callers = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({ caller: callers, ends: fc.nat(9), twice: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const streams = new OpenStreams(3);
        let held: { readonly caller: string; readonly end: () => void }[] = [];
        for (const { caller, ends, twice } of steps) {
          const count = held.filter((one) => one.caller === caller).length;
          if (count < 3) {
            held.push({ caller, end: streams.acquire(caller) });
            continue;
          }
          assert.throws(() => streams.acquire(caller), { code: 'too_many_streams' });
          const left = held[ends % held.length];
          left?.end();
          if (twice) left?.end();
          held = held.filter((one) => one !== left);
        }
        for (const { end } of held) end();
        assert.equal(streams.callers, 0);
      }),
    );
  });
});
