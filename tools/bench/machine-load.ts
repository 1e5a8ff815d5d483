import * as os from 'node:os';

import type { UsageByName } from './process-usage.ts';

/**
 * Says how busy the rest of the machine was during a measurement: on a machine that others use too,
 * a missed bound may be theirs.
 */
export class MachineLoad {
  readonly #startedAtMs = performance.now();
  readonly #busyBefore = busySeconds();
  readonly #ownBefore = ownSeconds();

  /**
   * CPU that was taken since by everything but this process and those of `usage`, which must have
   * been started since. 1 is a whole core.
   */
  othersCores(usage: UsageByName): number {
    const seconds = (performance.now() - this.#startedAtMs) / 1_000;
    const measured = [...usage.values()].reduce((sum, each) => sum + each.cpuSeconds, 0);
    const busy = busySeconds() - this.#busyBefore;
    const others = busy - measured - (ownSeconds() - this.#ownBefore);
    return Math.max(0, others / seconds);
  }
}

/** Over all cores, since the machine started. */
function busySeconds(): number {
  const times = os.cpus().map((core) => core.times);
  return times.reduce((sum, { irq, nice, sys, user }) => sum + user + nice + sys + irq, 0) / 1_000;
}

function ownSeconds(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1_000_000;
}
