import type { BenchStack } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import { near, atMost } from '../row.ts';
import type { Row } from '../row.ts';
import { idealMs, percentile } from '../statistics.ts';

interface Case {
  /** Users with many requests, who come first. */
  readonly many: { readonly users: number; readonly requestsEach: number };
  /** Users with one request, who come while the others wait. */
  readonly late: number;
  readonly boundMs: number;
}

const TASK_MS = 100;
const SLOTS = 10;
const LATE_AFTER_MS = 300;
const CASES: readonly Case[] = [
  { many: { users: 1, requestsEach: 200 }, late: 20, boundMs: 400 },
  { many: { users: 5, requestsEach: 100 }, late: 40, boundMs: 600 },
];

export const FAIRNESS = fairness('fairness', 1, 'users with one request overtake a full queue');
export const FAIRNESS_TWO_GATEWAYS = fairness(
  'fairness-2',
  2,
  'the same, with the requests spread over two gateways',
);

function fairness(name: string, gateways: number, about: string): Figure {
  return {
    name,
    about,
    shape: { workers: 2, poolSize: 5, gateways },
    run: async (stack) => {
      await stack.warmUp();
      const rows: Row[] = [];
      for (const each of CASES) rows.push(...(await runCase(stack, each)));
      return rows;
    },
  };
}

async function runCase(
  { client, gatewayBaseUrls }: BenchStack,
  { boundMs, late, many }: Case,
): Promise<readonly Row[]> {
  const { latencyMs, totalMs } = await client.run('burst', {
    baseUrls: gatewayBaseUrls,
    model: `sim/think=${TASK_MS}ms,tokens=1`,
    groups: [
      { name: 'many', ...many, afterMs: 0 },
      { name: 'late', users: late, requestsEach: 1, afterMs: LATE_AFTER_MS },
    ],
  });
  const title = `${many.users} x ${many.requestsEach}, then ${late} x 1`;
  const p95Ms = percentile(latencyMs['late'] ?? [], 0.95);
  const ideal = idealMs(many.users * many.requestsEach + late, SLOTS, TASK_MS);
  return [
    atMost(boundMs, { name: `${title}: p95 of the ${late}`, value: p95Ms, unit: 'ms' }),
    near(ideal, 0.1, { name: `${title}: total`, value: totalMs, unit: 'ms' }),
  ];
}
