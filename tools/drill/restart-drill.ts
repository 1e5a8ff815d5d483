/** Every gateway and every worker is restarted by SIGTERM while streams run. */
import { setTimeout as delay } from 'node:timers/promises';

import { readStream, type StreamResult } from './client-stream.ts';
import { Fleet } from './fleet.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';
import { SimulatorLog } from './simulator-log.ts';
import { difference, repeatedWords } from './words.ts';

const GATEWAYS = 2;
const WORKERS = 2;
/** Much shorter than a stream, so that a restart cuts each of them. */
const GATEWAY_DRAIN_MS = 3_000;
/** Longer than both gateways need to restart: whatever runs meanwhile is cut. */
const SURELY_CUT_S = 30;
const PROGRESS_MS = 10_000;
/** Streams do not all begin in one moment. */
const BEGIN_WITHIN_MS = 2_000;

export async function restartDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { streams, streamSeconds } = options;
  const fleet = await Fleet.start({
    gateways: GATEWAYS,
    workers: WORKERS,
    // One worker alone must be able to run all of them, and those that follow while it drains.
    poolSize: streams * 2,
    env: {},
    gatewayEnv: {
      DRAIN_TIMEOUT_MS: String(GATEWAY_DRAIN_MS),
      MAX_OUTSTANDING_PER_USER: String(streams * 4),
    },
    log: options.log,
  });
  const results: StreamResult[] = [];
  const progress = setInterval(() => {
    const cuts = results.reduce((sum, result) => sum + cutsOf(result), 0);
    say(`${streams} streams running, ${results.length} ended, ${cuts} cuts in those`);
  }, PROGRESS_MS);
  try {
    let going = true;
    // Who ends is followed by another one, until everything has been restarted.
    const begun = Array.from({ length: streams }, () => Promise.withResolvers<void>());
    const follow = async (place: number, onBegun: () => void): Promise<void> => {
      await delay((place / streams) * BEGIN_WITHIN_MS);
      for (let turn = 0; going; turn += 1) {
        const plan = { id: `d-${place}-${turn}`, url: fleet.balancer.url, seconds: streamSeconds };
        results.push(await readStream({ ...plan, onBegun }));
      }
    };
    const running = Promise.all(begun.map(({ resolve }, place) => follow(place, resolve)));
    await Promise.all(begun.map(({ promise }) => promise));
    say('all streams have begun');
    const badExits = await restartAll(fleet, say).finally(() => (going = false));
    say('everything was restarted: waiting for the last streams');
    await running;
    const log = new SimulatorLog(fleet.simulator.url);
    await log.read();
    return judge(options, results, log, badExits);
  } finally {
    clearInterval(progress);
    await fleet.stop();
  }
}

/** Returns what did not end with exit code 0. */
async function restartAll(fleet: Fleet, say: Say): Promise<string[]> {
  const bad: string[] = [];
  const ended = (name: string, startedAtMs: number, exit: string): void => {
    say(`${name} drained in ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s: ${exit}`);
    if (exit !== 'exit code 0') bad.push(`${name} ended with ${exit} after SIGTERM`);
  };
  for (const [place, old] of [...fleet.gateways].entries()) {
    const startedAtMs = performance.now();
    ended(old.name, startedAtMs, await fleet.terminate(old));
    // On the port of the one before, so it can only begin now.
    await fleet.startGateway(place);
  }
  for (const [place, old] of [...fleet.workers].entries()) {
    const startedAtMs = performance.now();
    const [exit] = await Promise.all([fleet.terminate(old), fleet.startWorker(place)]);
    ended(old.name, startedAtMs, exit);
  }
  return bad;
}

function judge(
  { seed, streamSeconds }: DrillOptions,
  results: readonly StreamResult[],
  log: SimulatorLog,
  badExits: readonly string[],
): DrillResult {
  const violations = [...badExits];
  let [broken, lost, repeated, paidTwice] = [0, 0, 0, 0];
  for (const { id, expected, text, failure } of results) {
    const twice = repeatedWords(text);
    if (failure !== undefined) violations.push(`stream ${id} broke: ${failure}`);
    else if (text !== expected) violations.push(`stream ${id}: ${difference(expected, text)}`);
    broken += failure === undefined ? 0 : 1;
    lost += failure === undefined && text !== expected && twice === 0 ? 1 : 0;
    repeated += twice;
    const calls = log.of(id).length;
    if (calls !== 1) violations.push(`stream ${id}: the model was asked ${calls} times`);
    paidTwice += calls > 1 ? 1 : 0;
  }
  const cuts = results.map(cutsOf);
  const cutCount = cuts.reduce((sum, count) => sum + count, 0);
  const first = results.filter(({ id }) => id.endsWith('-0'));
  const uncut = first.filter((result) => cutsOf(result) === 0).length;
  if (streamSeconds > SURELY_CUT_S && uncut > 0) {
    violations.push(`${uncut} of the first streams were never cut`);
  }
  if (cutCount === 0) violations.push('no stream was cut: nothing was tried');
  const figures = {
    streams: results.length,
    'words expected': results.reduce((sum, { expected }) => sum + expected.split(' ').length, 0),
    lost,
    'words twice': repeated,
    broken,
    'model asked twice': paidTwice,
    'cut and resumed': cutCount,
    'streams that were cut': cuts.filter((count) => count > 0).length,
    'most cuts of one stream': Math.max(0, ...cuts),
    'attempts refused': results.reduce((sum, { refused }) => sum + refused, 0),
  };
  return { seed, figures, violations };
}

function cutsOf({ opened }: StreamResult): number {
  return Math.max(0, opened - 1);
}
