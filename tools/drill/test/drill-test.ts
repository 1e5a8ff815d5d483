import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { testSeed } from '@switchboard/testkit';

import { type DrillOptions, readOptions } from '../options.ts';
import { type DrillResult, type Say, table } from '../result.ts';

/** One drill as a test, as the command line `argv` would run it. It passes or fails at once. */
export async function passes(
  t: TestContext,
  argv: readonly string[],
  drill: (options: DrillOptions, say: Say) => Promise<DrillResult>,
): Promise<void> {
  const options = readOptions([...argv, '--seed', String(testSeed(t))]);
  assert.ok(options !== 'help');
  const said: string[] = [];
  const result = await drill(options, (line) => said.push(line));
  t.diagnostic(table(result));
  assert.equal(result.violations.length, 0, [...result.violations, ...said].join('\n'));
}
