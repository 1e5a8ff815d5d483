/** The faults of a storm, one at a time, each followed by a recovery and some calm. */
import { setTimeout as delay } from 'node:timers/promises';

import { seededRandom, type SeededRandom } from '@switchboard/testkit';

import { nowMs } from './clock.ts';
import { FaultActs } from './fault-acts.ts';
import type { Fleet } from './fleet.ts';
import { type Fault, FAULT_KINDS, type FaultKind, type Ledger, type Run } from './ledger.ts';

/** Between a recovery and the next fault. */
const CALM_MIN_MS = 3_000;
const CALM_MAX_MS = 9_000;
/** The last runs that a fault touched must have ended by then: take-over and a queue. */
const RECOVERY_MAX_MS = 60_000;
/** The queue's wait for an acknowledgement, and a hand-back or two. */
const HANDED_OUT_AGAIN_MS = 15_000;
const LOOK_MS = 250;
const SHOWN_MAX = 5;

export interface FaultsOptions {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly seed: number;
  /** Resolves when the next request is stored. */
  readonly nextRing: () => Promise<void>;
  /** Brings the ledger up to date with the event log. Rejects while NATS is away. */
  readonly readLog: () => Promise<void>;
  readonly say: (line: string) => void;
  readonly violation: (evidence: string) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #random: SeededRandom;
  readonly #acts: FaultActs;
  #now: FaultKind | undefined;
  #readyAfterMs = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#acts = new FaultActs(options);
  }

  /** What is going on. */
  get now(): FaultKind | undefined {
    return this.#now;
  }

  /** Begins no fault after `untilMs`; resolves when the last one has been recovered from. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      for (const kind of this.#random.shuffle(FAULT_KINDS)) {
        const calmMs = this.#random.int(CALM_MIN_MS, CALM_MAX_MS);
        if (nowMs() + calmMs > untilMs) return;
        await delay(calmMs);
        await this.#do(kind);
      }
    }
  }

  async #do(kind: FaultKind): Promise<void> {
    const { ledger, say } = this.#options;
    const { target, act } = this.#acts.draw(kind, this.#random);
    const unknown = { restoredAtMs: Infinity, recoveredAtMs: Infinity };
    const fault: Fault = { kind, target, fromMs: nowMs(), ...unknown };
    this.#now = kind;
    ledger.faults.push(fault);
    say(`  ${kind} ${target}`);
    await act();
    fault.restoredAtMs = nowMs();
    await this.#recover(fault);
    fault.recoveredAtMs = nowMs();
    this.#now = undefined;
    const seconds = ((fault.recoveredAtMs - fault.fromMs) / 1_000).toFixed(1);
    const ready = `all ready ${this.#readyAfterMs.toFixed(0)} ms after it was over`;
    say(`  ${kind} ${target}: recovered after ${seconds} s, ${ready}`);
  }

  /** Waits until all are ready and every run that the fault may have touched has its end. */
  async #recover(fault: Fault): Promise<void> {
    const { fleet, ledger, violation } = this.#options;
    const deadlineMs = nowMs() + RECOVERY_MAX_MS;
    await fleet.ready();
    this.#readyAfterMs = nowMs() - fault.restoredAtMs;
    for (;;) {
      await this.#readLog(deadlineMs);
      const open = [...ledger.runs.values()].filter((run) => isTouched(run, fault));
      if (open.length === 0) return;
      if (nowMs() > deadlineMs) {
        const ids = open.slice(0, SHOWN_MAX).map(({ run }) => run);
        const after = `${RECOVERY_MAX_MS} ms after ${fault.kind}`;
        violation(`${open.length} runs not ended ${after}: ${ids.join(' ')}`);
        return;
      }
      await delay(LOOK_MS);
    }
  }

  async #readLog(deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        await this.#options.readLog();
        return;
      } catch (error) {
        // NATS is coming back.
        if (nowMs() > deadlineMs) throw error;
        await delay(LOOK_MS);
      }
    }
  }
}

/**
 * A run that a worker had, until it ends; and one that still waits, for as long as it takes until a
 * request is handed out again that was lost between its delivery and its claim. After that a run
 * that waits only has others before it.
 */
function isTouched({ storedAtMs = Infinity, claims, ends }: Run, fault: Fault): boolean {
  if (ends.length > 0 || storedAtMs > fault.restoredAtMs) return false;
  const [claim] = claims;
  if (claim !== undefined) return claim.atMs < fault.restoredAtMs;
  return nowMs() < fault.restoredAtMs + HANDED_OUT_AGAIN_MS;
}
