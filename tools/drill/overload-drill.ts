/** More comes than the pool can serve, for a while, and then little. */
import { seededRandom } from '@switchboard/testkit';

import { arrivals, atTimes } from './arrivals.ts';
import type { ChatOutcome } from './chat-call.ts';
import { CAPACITY_PER_SECOND, FullHouse } from './full-house.ts';
import { MachineUse } from './machine-use.ts';
import type { DrillOptions } from './options.ts';
import { judgeOverload } from './overload-judge.ts';
import type { DrillResult, Say } from './result.ts';

const LOAD = 3;
/**
 * What was accepted is worked off first, and that may take up to a deadline's time: it must leave
 * room below the bound for the recovery.
 */
const DEADLINE_MS = 4_000;
/** Afterwards: enough to see how long newcomers wait, little enough not to hold them up. */
const LATER_LOAD = 0.1;
const LATER_MS = 12_000;
const PROGRESS_MS = 10_000;

export async function overloadDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { log, seconds, seed } = options;
  const random = seededRandom(seed);
  const house = await FullHouse.open({ gateways: 2, deadlineMs: DEADLINE_MS, random, log });
  const machine = await MachineUse.from(house.processes);
  try {
    const fromMs = performance.now();
    const calls = await come(house, arrivals(random, CAPACITY_PER_SECOND * LOAD, seconds * 1_000), {
      onProgress: (count) => say(`${count} came`),
    });
    const untilMs = performance.now();
    say('the overload is over');
    const later = await come(house, arrivals(random, CAPACITY_PER_SECOND * LATER_LOAD, LATER_MS));
    const judged = judgeOverload({
      calls: await Promise.all(calls),
      later: await Promise.all(later),
      fromMs,
      untilMs,
      load: LOAD,
      capacityPerSecond: CAPACITY_PER_SECOND,
      deadlineMs: DEADLINE_MS,
    });
    return { seed, ...judged, figures: { ...judged.figures, machine: await machine.text() } };
  } finally {
    await house.close();
  }
}

/** Resolves when the last one has come, with what becomes of each. */
async function come(
  house: FullHouse,
  times: Iterable<number>,
  { onProgress }: { readonly onProgress?: (count: number) => void } = {},
): Promise<readonly Promise<ChatOutcome>[]> {
  const calls: Promise<ChatOutcome>[] = [];
  const progress = setInterval(() => onProgress?.(calls.length), PROGRESS_MS);
  await atTimes(times, () => calls.push(house.call(house.newCaller())));
  clearInterval(progress);
  return calls;
}
