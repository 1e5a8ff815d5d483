import { setTimeout as delay } from 'node:timers/promises';

import { cpuBetween } from '@switchboard/stack';

import { INSTANT_MODEL } from '../bench-stack.ts';
import type { BenchStack } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { atMost, reported } from '../row.ts';
import type { Row } from '../row.ts';
import { HAND_OFF_BOUND_MS } from './hand-off.ts';

const SETTLE_MS = 3_000;
const IDLE_MS = 20_000;
const IDLE_QUICK_MS = 10_000;
const IDLE_LONG_MS = 600_000;

/** What waiting costs, and that it makes nobody sleepy. */
export const IDLE: Figure = {
  name: 'idle',
  about: 'CPU of all processes while 2 workers of 500 slots have nothing to do',
  shape: { workers: 2, poolSize: 500 },
  run: async (stack, { long, quick }) => {
    await stack.warmUp();
    await delay(SETTLE_MS);
    const before = await stack.usage();
    const startedAtMs = performance.now();
    await delay(quick ? IDLE_QUICK_MS : IDLE_MS);
    const after = await stack.usage();
    const seconds = (performance.now() - startedAtMs) / 1_000;
    const percent = [...cpuBetween(before, after)].map(([name, cpuSeconds]) => {
      return { name, value: (cpuSeconds / seconds) * 100, unit: '% of a core' };
    });
    const value = percent.reduce((sum, each) => sum + each.value, 0);
    const all = atMost(5, { name: 'all processes', value, unit: '% of a core' });
    const each = percent.map((row): Row => reported(row.name, row.value, row.unit));
    return [all, ...each, ...(long ? [await afterLongIdle(stack)] : [])];
  },
};

async function afterLongIdle(stack: BenchStack): Promise<Row> {
  await delay(IDLE_LONG_MS);
  const { queueWaitMs } = await stack.client.run('singles', {
    baseUrl: stack.gatewayBaseUrl,
    model: INSTANT_MODEL,
    warmUp: 0,
    requests: 1,
    gapMs: 0,
    requestIdPrefix: 'after-idle',
  });
  const name = 'hand-off after 10 idle minutes';
  return atMost(HAND_OFF_BOUND_MS, { name, value: queueWaitMs[0] ?? NaN, unit: 'ms' });
}
