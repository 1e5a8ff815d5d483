/** Those who were refused come back exactly when they were told: on one gateway, and on two. */
import { setTimeout as delay } from 'node:timers/promises';

import { type SeededRandom, seededRandom } from '@switchboard/testkit';

import { arrivals, atTimes } from './arrivals.ts';
import type { ChatOutcome } from './chat-call.ts';
import { CAPACITY_PER_SECOND, FullHouse } from './full-house.ts';
import { MachineUse } from './machine-use.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';
import { judgeReturns, type Reading, READINGS, type Return } from './retry-after-judge.ts';

const LOAD = 3;
/** Afterwards: with those who come back it is more than the pool can serve, for a while. */
const LATER_LOAD = 0.8;
const DEADLINE_MS = 4_000;
/** Nobody is told to wait longer; the last may come back by whole seconds. */
const LATER_MAX_MS = 62_000;

export async function retryAfterDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const rounds: DrillResult[] = [];
  for (const gateways of [1, 2]) {
    say(gateways === 1 ? 'one gateway' : 'two gateways: everybody comes back to any of them');
    rounds.push(await round(options, gateways));
  }
  const named = rounds.flatMap(({ figures, violations }, index) => {
    const name = `${index + 1} gw`;
    return {
      figures: Object.entries(figures).map(([figure, value]) => [`${name}, ${figure}`, value]),
      violations: violations.map((violation) => `${name}: ${violation}`),
    };
  });
  return {
    seed: options.seed,
    figures: Object.fromEntries(named.flatMap(({ figures }) => figures)),
    violations: named.flatMap(({ violations }) => violations),
  };
}

async function round(options: DrillOptions, gateways: number): Promise<DrillResult> {
  const { log, seconds, seed } = options;
  const random = seededRandom(seed + gateways);
  const house = await FullHouse.open({ gateways, deadlineMs: DEADLINE_MS, random, log });
  const crowd = new Crowd(house, random);
  const machine = await MachineUse.from(house.processes);
  try {
    const come = (): void => crowd.come();
    await atTimes(arrivals(random, CAPACITY_PER_SECOND * LOAD, seconds * 1_000), come);
    const laterMs = Math.min(LATER_MAX_MS, crowd.lastToldAtMs - performance.now() + 1_000);
    await atTimes(arrivals(random, CAPACITY_PER_SECOND * LATER_LOAD, laterMs), come);
    const judged = judgeReturns(await crowd.stop());
    return { seed, ...judged, figures: { ...judged.figures, machine: await machine.text() } };
  } finally {
    await house.close();
  }
}

/** Callers who do as they are told until they get in. */
class Crowd {
  readonly #house: FullHouse;
  readonly #random: SeededRandom;
  readonly #calls: Promise<ChatOutcome>[] = [];
  readonly #returns: Promise<Return>[] = [];
  readonly #stopping = new AbortController();
  /** When the last of those comes back who have been refused so far. */
  lastToldAtMs = performance.now();
  #pending = 0;

  constructor(house: FullHouse, random: SeededRandom) {
    this.#house = house;
    this.#random = random;
  }

  come(): void {
    const user = this.#house.newCaller();
    const reading = this.#random.pick(READINGS);
    const first = this.#house.call(user);
    this.#calls.push(first);
    void this.#persist(user, reading, first);
  }

  /** Nobody comes back any more; resolves when all that were here have their answer. */
  async stop(): Promise<Parameters<typeof judgeReturns>[0]> {
    this.#stopping.abort();
    const calls = await Promise.all(this.#calls);
    return { calls, returns: await Promise.all(this.#returns), pending: this.#pending };
  }

  async #persist(user: string, reading: Reading, first: Promise<ChatOutcome>): Promise<void> {
    let refusal = await first;
    for (let turn = 0; refusal.status === 503 || refusal.status === 429; turn += 1) {
      const dueAtMs = refusal.endedAtMs + toldMs(refusal, reading);
      this.lastToldAtMs = Math.max(this.lastToldAtMs, dueAtMs);
      if (!(await this.#untilDue(dueAtMs))) {
        if (turn === 0) this.#pending += 1;
        return;
      }
      const before = refusal;
      const again = this.#house.call(user);
      if (turn === 0) {
        this.#returns.push(
          again.then((call) => {
            const lateMs = call.sentAtMs - dueAtMs;
            return { reading, refusal: before, again: call, lateMs };
          }),
        );
      }
      refusal = await again;
    }
  }

  async #untilDue(dueAtMs: number): Promise<boolean> {
    const { signal } = this.#stopping;
    const waitMs = Math.max(0, dueAtMs - performance.now());
    // A timer may fire up to a millisecond early.
    await delay(Math.ceil(waitMs) + 1, undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  }
}

function toldMs({ retryAfter, retryAfterMs }: ChatOutcome, reading: Reading): number {
  return reading === 'retry-after-ms' ? Number(retryAfterMs) : Number(retryAfter) * 1_000;
}
