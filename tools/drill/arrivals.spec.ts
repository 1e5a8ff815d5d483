import assert from 'node:assert/strict';
import { it } from 'node:test';

import { seededRandom, testSeed } from '@switchboard/testkit';

import { arrivals } from './arrivals.ts';

it('arrivals are as many as the rate says, in order, and not evenly spread', (test) => {
  const times = [...arrivals(seededRandom(testSeed(test)), 100, 60_000)];
  // Six thousand on average; the spread of a Poisson process is its root.
  assert.ok(Math.abs(times.length - 6_000) < 6 * Math.sqrt(6_000), `${times.length}`);
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
  assert.ok(gaps.every((gap) => gap >= 0));
  const close = gaps.filter((gap) => gap < 5).length / gaps.length;
  assert.ok(Math.abs(close - (1 - Math.exp(-0.5))) < 0.05, `${close}`);
  assert.ok((times.at(-1) ?? 0) < 60_000);
});
