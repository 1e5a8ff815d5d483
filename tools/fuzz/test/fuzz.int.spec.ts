import assert from 'node:assert/strict';
import { it } from 'node:test';

import { leakGuard, testSeed } from '@switchboard/testkit';

import { runFuzz, table } from '../run-fuzz.ts';

it('answers or closes 2,000 hostile requests, and none of them leaves a trace', async (t) => {
  const said: string[] = [];
  const options = { requests: 2_000, seed: testSeed(t), at: 32, json: false };
  const result = await runFuzz(options, (line) => said.push(line));
  t.diagnostic(table(result));
  assert.deepEqual(result.problems, [], [...result.problems, ...said].join('\n'));
});

leakGuard();
