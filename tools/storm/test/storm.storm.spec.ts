import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testSeed } from '@switchboard/testkit';

import { violationText } from '../oracle/violation.ts';
import { table } from '../report.ts';
import { Storm } from '../storm.ts';

const SECONDS = 120;

test('a storm breaks no promise: one end, one run at a time, whole answers, nothing left', async (t) => {
  const options = { seconds: SECONDS, seed: testSeed(t), kills: true, log: undefined };
  const said: string[] = [];
  const result = await new Storm({ ...options, json: false }, (line) => said.push(line)).run();
  t.diagnostic(table(result));
  // Times are for the command: here other tests may take the processor.
  const evidence = [...result.violations.map(violationText), ...said].join('\n');
  assert.equal(result.violations.length, 0, evidence);
});
