/** Workers that may not finish what runs are restarted by SIGTERM while streams run. */
import { POLICIES, writeAgentsFile } from './agents-file.ts';
import { Fleet } from './fleet.ts';
import type { DrillOptions } from './options.ts';
import { type PolicyResult, readPolicyStream } from './policy-stream.ts';
import type { DrillResult, Say } from './result.ts';
import { restartWorkers } from './rolling-restart.ts';
import { judgeShortDrain } from './short-drain-judge.ts';
import { SimulatorLog } from './simulator-log.ts';
import { keepUnderWay } from './under-way.ts';

const GATEWAYS = 2;
const WORKERS = 2;
/** Much shorter than a stream: what runs on a worker that has to go is broken off. */
const WORKER_DRAIN_MS = 2_000;
/** One stream in three is still silent when its worker goes. */
const SILENT_EVERY = 3;
const THINK_SECONDS = 6;

export async function shortDrainDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { seed, streams, streamSeconds: seconds } = options;
  const fleet = await Fleet.start({
    gateways: GATEWAYS,
    workers: WORKERS,
    // One worker alone must be able to run all of them, and those that follow while it drains.
    poolSize: streams * 2,
    env: { AGENTS_FILE: writeAgentsFile() },
    workerEnv: { DRAIN_TIMEOUT_MS: String(WORKER_DRAIN_MS), ALLOW_SHORT_DRAIN: 'true' },
    gatewayEnv: { MAX_OUTSTANDING_PER_USER: String(streams * 4) },
    log: options.log,
  });
  const { url } = fleet.balancer;
  const results: PolicyResult[] = [];
  const one = async (place: number, turn: number, onBegun: () => void): Promise<void> => {
    const policy = POLICIES[place % POLICIES.length] ?? 'fail';
    // Places of both policies think.
    const isSilent = Math.floor(place / POLICIES.length) % SILENT_EVERY === 0;
    const thinkSeconds = isSilent ? THINK_SECONDS : 0;
    const plan = { id: `s-${place}-${turn}`, policy, url, seconds, thinkSeconds, onBegun };
    results.push(await readPolicyStream(plan));
  };
  const badExits: string[] = [];
  try {
    await keepUnderWay(streams, one, async () => {
      say('all runs have begun');
      badExits.push(...(await restartWorkers(fleet, say)));
      say('every worker was restarted: waiting for the last streams');
    });
    const log = new SimulatorLog(fleet.simulator.url);
    await log.read();
    const { figures, violations } = judgeShortDrain(results, log);
    return { seed, figures, violations: [...badExits, ...violations] };
  } finally {
    await fleet.stop();
  }
}
