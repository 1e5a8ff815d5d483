/** When the machine had no time left: what is late then says little about the system under test. */
import { cpus } from 'node:os';

import { nowMs } from './clock.ts';
import type { Interval } from './oracle/violation.ts';

const SAMPLE_MS = 500;
const SATURATED_SHARE = 0.85;
/** What piled up is worked off for a while after it. */
const AFTER_MS = 500;

export class MachineLoad {
  readonly saturated: Interval[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = sample();
  #busySum = 0;
  #samples = 0;

  constructor() {
    this.#timer = setInterval(() => this.#take(), SAMPLE_MS);
  }

  /** Share of all processors' time that was used, 0 to 1. */
  get busyShare(): number {
    return this.#busySum / Math.max(1, this.#samples);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const now = sample();
    const { atMs, busyMs, totalMs } = this.#last;
    const share = (now.busyMs - busyMs) / Math.max(1, now.totalMs - totalMs);
    this.#last = now;
    this.#busySum += share;
    this.#samples += 1;
    if (share > SATURATED_SHARE) {
      this.saturated.push({ fromMs: atMs, untilMs: now.atMs + AFTER_MS });
    }
  }
}

function sample(): { atMs: number; busyMs: number; totalMs: number } {
  let [busyMs, totalMs] = [0, 0];
  for (const { times } of cpus()) {
    const total = times.user + times.nice + times.sys + times.idle + times.irq;
    totalMs += total;
    busyMs += total - times.idle;
  }
  return { atMs: nowMs(), busyMs, totalMs };
}
