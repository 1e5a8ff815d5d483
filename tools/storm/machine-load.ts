/** When the machine had no time left: what is late then says little about the system under test. */
import { cpus } from 'node:os';

import { stolenSeconds } from '@switchboard/stack';

import { nowMs } from './clock.ts';
import type { Interval } from './oracle/violation.ts';

const SAMPLE_MS = 500;
const SATURATED_SHARE = 0.85;
/** A host that takes this much away stops processes for tens of milliseconds at a time. */
const STOLEN_SHARE = 0.05;
/** What piled up is worked off for a while after it. */
const AFTER_MS = 500;

export class MachineLoad {
  readonly saturated: Interval[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = sample();
  #busySum = 0;
  #stolenSum = 0;
  #samples = 0;

  constructor() {
    this.#timer = setInterval(() => this.#take(), SAMPLE_MS);
  }

  /** Share of all processors' time that was used, 0 to 1. */
  get busyShare(): number {
    return this.#busySum / Math.max(1, this.#samples);
  }

  /** Share of all processors' time that the host of this virtual machine gave to others. */
  get stolenShare(): number {
    return this.#stolenSum / Math.max(1, this.#samples);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const now = sample();
    const { atMs, busyMs, stolenMs } = this.#last;
    const passedMs = (now.atMs - atMs) * cpus().length;
    const stolen = (now.stolenMs - stolenMs) / passedMs;
    const busy = (now.busyMs - busyMs) / passedMs;
    this.#last = now;
    this.#busySum += busy;
    this.#stolenSum += stolen;
    this.#samples += 1;
    if (busy + stolen > SATURATED_SHARE || stolen > STOLEN_SHARE) {
      this.saturated.push({ fromMs: atMs, untilMs: now.atMs + AFTER_MS });
    }
  }
}

function sample(): { atMs: number; busyMs: number; stolenMs: number } {
  const busyMs = cpus().reduce((sum, { times }) => {
    return sum + times.user + times.nice + times.sys + times.irq;
  }, 0);
  return { atMs: nowMs(), busyMs, stolenMs: stolenSeconds() * 1_000 };
}
