import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { LimitStorm } from './limit-storm.ts';
import { LimitedKeys } from './limited-keys.ts';

/** Fewer than the storm has callers, so that it meets them. */
const LIMIT = 8;
const NAMES = ['one', 'two', 'three', 'four', 'five'];
/** Runs of gateways that were killed are cancelled, and runs of workers taken over. */
const SETTLED_MS = 120_000;
const ENDLESS = 'sim/think=300s,tokens=1';

export interface LimitStormTest {
  readonly requests: number;
  readonly kills: number;
  readonly seed: number;
}

/** After a storm nothing is outstanding, and every key can use its whole limit again. */
export async function limitsSurvive(
  context: TestContext,
  { kills, requests, seed }: LimitStormTest,
): Promise<void> {
  const options = ['--outstanding', String(LIMIT), '--rpm', '400000'];
  const limited = Object.fromEntries(NAMES.map((each) => [each, options]));
  await using keys = await LimitedKeys.start(limited, { workers: 2, poolSize: 20 });
  const counts = await new LimitStorm({ keys, names: NAMES, requests, kills, seed }).run();
  context.diagnostic(JSON.stringify(counts));
  assert.ok((counts['200'] ?? 0) > requests / 4, 'not all is refused');
  assert.ok((counts['429'] ?? 0) > 0, 'the limit is met');
  assert.equal(counts['500'], undefined);
  await keys.untilIdle(SETTLED_MS);
  for (const each of NAMES) {
    const held = await keys.responses(each, LIMIT + 10, ENDLESS);
    const answers = Map.groupBy(held, ({ status }) => status);
    assert.equal(answers.get(200)?.length, LIMIT, each);
    assert.equal(answers.get(429)?.length, held.length - LIMIT, each);
    await keys.cancel(each, held);
  }
  await keys.untilIdle(SETTLED_MS);
}
