import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leavesEnoughOpen } from './open-share.ts';

type Word = Parameters<typeof leavesEnoughOpen>[1] extends ReadonlyMap<string, infer W> ? W : never;

const open: Word = { draining: false };
const closed: Word = { draining: false, closed: 'yes' };
const asks: Word = { draining: false, closed: 'asks' };

function mayClose(...others: readonly (readonly [string, Word])[]): boolean {
  return leavesEnoughOpen('m', new Map(others));
}

describe('the share of workers that stays open', () => {
  it('lets a worker close that is the only one, or the only one that takes requests', () => {
    assert.equal(mayClose(), true);
    assert.equal(mayClose(['a', { draining: true }], ['b', { draining: false, gone: true }]), true);
  });

  it('is one worker of two or three, two of four to six', () => {
    assert.equal(mayClose(['a', open]), true);
    assert.equal(mayClose(['a', closed]), false);
    assert.equal(mayClose(['a', closed], ['b', open]), true);
    assert.equal(mayClose(['a', closed], ['b', closed]), false);
    assert.equal(mayClose(['a', closed], ['b', open], ['c', open]), true);
    assert.equal(mayClose(['a', closed], ['b', closed], ['c', open]), false);
  });

  it('counts, of those that ask at the same time, the ones whose tokens come first', () => {
    assert.equal(mayClose(['a', asks]), false);
    assert.equal(mayClose(['z', asks]), true);
  });
});
