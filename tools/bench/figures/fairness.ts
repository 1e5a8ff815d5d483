import type { BenchStack } from '../bench-stack.ts';
import type { Figure } from '../figure.ts';
import type { BurstResult } from '../load/burst.ts';
import { near, atMost, reported } from '../row.ts';
import type { Row } from '../row.ts';
import { idealMs, median, percentile } from '../statistics.ts';

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
/** One round says as much of the machine's moment as of Switchboard: the median counts. */
const ROUNDS = 5;
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

async function runCase(stack: BenchStack, each: Case): Promise<readonly Row[]> {
  const { boundMs, late, many } = each;
  const lateP95Ms: number[] = [];
  const totalsMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { latencyMs, totalMs } = await runRound(stack, each);
    lateP95Ms.push(percentile(latencyMs['late'] ?? [], 0.95));
    totalsMs.push(totalMs);
  }
  const title = `${many.users} x ${many.requestsEach}, then ${late} x 1`;
  const worstMs = Math.max(...lateP95Ms);
  const ideal = idealMs(many.users * many.requestsEach + late, SLOTS, TASK_MS);
  const total = { name: `${title}: total, median`, value: median(totalsMs), unit: 'ms' };
  return [
    atMost(boundMs, { name: `${title}: p95 of the ${late}, worst`, value: worstMs, unit: 'ms' }),
    near(ideal, 0.1, total),
    reported(`${title}: total, fastest`, Math.min(...totalsMs), 'ms'),
    reported(`${title}: total, slowest`, Math.max(...totalsMs), 'ms'),
  ];
}

async function runRound(
  { client, gatewayBaseUrls }: BenchStack,
  { late, many }: Case,
): Promise<BurstResult> {
  return await client.run('burst', {
    baseUrls: gatewayBaseUrls,
    model: `sim/think=${TASK_MS}ms,tokens=1`,
    groups: [
      { name: 'many', ...many, afterMs: 0 },
      { name: 'late', users: late, requestsEach: 1, afterMs: LATE_AFTER_MS },
    ],
  });
}
