import * as os from 'node:os';

import { stolenSeconds } from '@switchboard/stack';
import type { UsageByName } from '@switchboard/stack';

/**
 * Says how busy the rest of the machine was during a measurement: on a machine that others use too,
 * a missed bound may be theirs.
 */
export class MachineLoad {
  readonly #startedAtMs = performance.now();
  readonly #busyBefore = busySeconds();
  readonly #ownBefore = ownSeconds();
  readonly #stolenBefore = stolenSeconds();

  /**
   * CPU that was taken since by everything but this process and those of `usage`, which must have
   * been started since, the host of this virtual machine included. 1 is a whole core.
   */
  othersCores(usage: UsageByName): number {
    const seconds = (performance.now() - this.#startedAtMs) / 1_000;
    const measured = [...usage.values()].reduce((sum, each) => sum + each.cpuSeconds, 0);
    const busy = busySeconds() - this.#busyBefore;
    const others = busy - measured - (ownSeconds() - this.#ownBefore);
    const stolen = stolenSeconds() - this.#stolenBefore;
    return Math.max(0, (others + stolen) / seconds);
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
