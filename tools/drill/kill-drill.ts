/** Workers, gateways and nats-servers are killed under background runs. */
import { seededRandom } from '@switchboard/testkit';

import { writeAgentsFile } from './agents-file.ts';
import { drawPlan, endOf, runInBackground, type RunResult } from './background-run.ts';
import { Fleet } from './fleet.ts';
import {
  ended,
  givenUp,
  problemsOf,
  takeoverFigures,
  takeoversOf,
  type Takeover,
} from './kill-judge.ts';
import { type Kills, killUntil } from './kills.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';
import { SimulatorLog } from './simulator-log.ts';

const GATEWAYS = 2;
const WORKERS = 3;
const PROGRESS_MS = 10_000;

export async function killDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { replicas, runs, seed, seconds } = options;
  const fleet = await Fleet.start({
    gateways: GATEWAYS,
    workers: WORKERS,
    // One worker alone can run all of them: a wait is a take-over, never a queue.
    poolSize: runs,
    env: { AGENTS_FILE: writeAgentsFile(), DRAIN_TIMEOUT_MS: '130000' },
    nats: { servers: replicas },
    log: options.log,
  });
  const log = new SimulatorLog(fleet.simulator.url);
  const results: RunResult[] = [];
  const progress = setInterval(() => {
    say(`${results.length} runs ended, ${runs} under way: ${endCounts(results)}`);
    void log.read();
  }, PROGRESS_MS);
  try {
    const untilMs = Date.now() + seconds * 1_000;
    const { url } = fleet.balancer;
    const follow = async (place: number): Promise<void> => {
      const random = seededRandom(seed + 1 + place);
      for (let turn = 0; Date.now() < untilMs; turn += 1) {
        const plan = drawPlan(random, `k-${place}-${turn}`);
        results.push(await runInBackground(url, plan));
      }
    };
    const running = Promise.all(Array.from({ length: runs }, (_, place) => follow(place)));
    const kills = await killUntil(untilMs, fleet, seededRandom(seed), say);
    say('quiet: waiting for the last runs');
    await running;
    await log.read();
    return await judge(seed, results, log, { url, kills });
  } finally {
    clearInterval(progress);
    await fleet.stop();
  }
}

async function judge(
  seed: number,
  results: readonly RunResult[],
  log: SimulatorLog,
  { url, kills }: { url: string; kills: Kills },
): Promise<DrillResult> {
  const violations: string[] = [];
  const takeovers: Takeover[] = [];
  for (const result of results) {
    const calls = log.of(result.plan.id);
    const later = result.end && (await endOf(url, result.end.id).catch(() => undefined));
    if (result.end !== undefined && later === undefined) {
      violations.push(`run ${result.end.id}: cannot be asked for after its end`);
    }
    violations.push(...problemsOf(result, calls, { later, workersKilledAtMs: kills.workersAtMs }));
    takeovers.push(...takeoversOf(result, calls));
  }
  if (takeovers.length === 0) violations.push('no run lost its worker: nothing was tried');
  const takeover = takeoverFigures(takeovers, kills.elections);
  const figures = {
    runs: results.length,
    ends: endCounts(results),
    killed: Object.entries(kills.counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', '),
    'model calls': log.all.length,
    'broken off without a kill': givenUp(log.all, kills.workersAtMs),
    ...takeover.figures,
  };
  return { seed, figures, violations: [...violations, ...takeover.violations] };
}

function endCounts(results: readonly RunResult[]): string {
  const counts = new Map<string, number>();
  for (const { end, plan } of results) {
    const name = end === undefined ? 'none' : `${plan.policy} ${ended(end)}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ') || 'none yet';
}
