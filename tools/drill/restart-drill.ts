/** Every gateway and every worker is restarted by SIGTERM while streams run. */
import { setTimeout as delay } from 'node:timers/promises';

import { readStream, type StreamResult } from './client-stream.ts';
import { Fleet } from './fleet.ts';
import type { DrillOptions } from './options.ts';
import { askPlainly, PLAIN_KINDS, type PlainResult } from './plain-user.ts';
import { cutsOf, judgePlainUsers, judgeStreams } from './restart-judge.ts';
import type { DrillResult, Say } from './result.ts';
import { restartGateways, restartWorkers } from './rolling-restart.ts';
import { SimulatorLog } from './simulator-log.ts';
import { keepUnderWay } from './under-way.ts';

const GATEWAYS = 2;
const WORKERS = 2;
/** Much shorter than a stream, so that a restart cuts each of them. */
const GATEWAY_DRAIN_MS = 3_000;
const PROGRESS_MS = 10_000;
/** For a run that was cancelled with its gateway to reach the model. */
const CANCELLED_WITHIN_MS = 1_000;

export async function restartDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { seed, streams, streamSeconds: seconds } = options;
  const plainUsers = Math.ceil(streams / 4);
  const answers = streams + plainUsers;
  const fleet = await Fleet.start({
    gateways: GATEWAYS,
    workers: WORKERS,
    // One worker alone must be able to run all of them, and those that follow while it drains.
    poolSize: answers * 2,
    gatewayEnv: {
      DRAIN_TIMEOUT_MS: String(GATEWAY_DRAIN_MS),
      MAX_OUTSTANDING_PER_USER: String(answers * 4),
    },
    log: options.log,
  });
  const { url } = fleet.balancer;
  const read: StreamResult[] = [];
  const plain: PlainResult[] = [];
  const progress = setInterval(() => {
    const cuts = read.reduce((sum, result) => sum + cutsOf(result), 0);
    const ended = `${read.length} streams ended after ${cuts} cuts`;
    say(`${answers} answers under way, ${ended}, ${plain.length} of the plain SDK`);
  }, PROGRESS_MS);
  const one = async (place: number, turn: number, onBegun: () => void): Promise<void> => {
    if (place < streams) {
      read.push(await readStream({ id: `d-${place}-${turn}`, url, seconds, onBegun }));
      return;
    }
    onBegun();
    const kind = PLAIN_KINDS[place % PLAIN_KINDS.length] ?? 'chat';
    plain.push(await askPlainly({ id: `p-${place}-${turn}`, kind, url, seconds }));
  };
  const badExits: string[] = [];
  try {
    await keepUnderWay(answers, one, async () => {
      say('all streams have begun');
      badExits.push(...(await restartGateways(fleet, say)));
      badExits.push(...(await restartWorkers(fleet, say)));
      say('everything was restarted: waiting for the last streams');
    });
    await delay(CANCELLED_WITHIN_MS);
    const log = new SimulatorLog(fleet.simulator.url);
    await log.read();
    const streamed = judgeStreams(read, log, seconds);
    const asked = judgePlainUsers(plain, log);
    return {
      seed,
      figures: { ...streamed.figures, ...asked.figures },
      violations: [...badExits, ...streamed.violations, ...asked.violations],
    };
  } finally {
    clearInterval(progress);
    await fleet.stop();
  }
}
