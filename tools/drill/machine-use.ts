/** How busy the machine was: a figure missed on a machine without time left may be its own. */
import { cpus } from 'node:os';

import { cpuBetween, type NamedProcess, stolenSeconds, usageOf } from '@switchboard/stack';

interface Use {
  readonly atMs: number;
  /** Seconds of all cores. */
  readonly busy: number;
  readonly stolen: number;
  /** Seconds of this process. */
  readonly own: number;
  readonly processes: Awaited<ReturnType<typeof usageOf>>;
}

export class MachineUse {
  readonly #processes: readonly NamedProcess[];
  readonly #before: Use;

  private constructor(processes: readonly NamedProcess[], before: Use) {
    this.#processes = processes;
    this.#before = before;
  }

  /** From now on; `processes` are those under test. */
  static async from(processes: readonly NamedProcess[]): Promise<MachineUse> {
    return new MachineUse(processes, await useNow(processes));
  }

  /** Shares of all cores: the processes under test, whoever loads them, everybody, the host. */
  async text(): Promise<string> {
    const before = this.#before;
    const now = await useNow(this.#processes);
    const all = ((now.atMs - before.atMs) / 1_000) * cpus().length;
    const tested = [...cpuBetween(before.processes, now.processes).values()];
    const sum = tested.reduce((total, seconds) => total + seconds, 0);
    const share = (seconds: number): string => `${Math.round((seconds / all) * 100)} %`;
    return (
      `${share(now.busy - before.busy)} of ${cpus().length} cores busy: ${share(sum)} by what is ` +
      `tested, ${share(now.own - before.own)} by its callers; ` +
      `${share(now.stolen - before.stolen)} taken by the host`
    );
  }
}

async function useNow(processes: readonly NamedProcess[]): Promise<Use> {
  const { system, user } = process.cpuUsage();
  return {
    atMs: performance.now(),
    busy: busySeconds(),
    stolen: stolenSeconds(),
    own: (system + user) / 1_000_000,
    processes: await usageOf(processes),
  };
}

/** Over all cores, since the machine started. */
function busySeconds(): number {
  const times = cpus().map((core) => core.times);
  return times.reduce((sum, { irq, nice, sys, user }) => sum + user + nice + sys + irq, 0) / 1_000;
}
