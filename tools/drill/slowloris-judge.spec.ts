import assert from 'node:assert/strict';
import { it } from 'node:test';

import { outcome } from './outcomes.ts';
import { judgeSlowPairs } from './slowloris-judge.ts';

const calls = (latencyMs: number, status = 200) => Array(20).fill(outcome({ latencyMs, status }));
const pair = { quiet: calls(20), slow: calls(40), open: 500 };

it('slow connections may make the others twice as slow, in the middle of all pairs', () => {
  assert.deepEqual(judgeSlowPairs([pair], 500).violations, []);
  const slower = { ...pair, slow: calls(41) };
  assert.deepEqual(judgeSlowPairs([slower], 500).violations, ['p95 2.05 times as long']);
  assert.deepEqual(judgeSlowPairs([pair, slower, pair], 500).violations, []);
});

it('slow connections prove nothing when they are not there, or when the others fail', () => {
  assert.equal(judgeSlowPairs([{ ...pair, open: 449 }], 500).violations.length, 1);
  assert.equal(judgeSlowPairs([{ ...pair, slow: calls(20, 503) }], 500).violations.length, 20);
});
