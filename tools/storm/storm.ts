/** One storm: processes, load, faults; then quiet, and the questions. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { nowMs } from './clock.ts';
import { Faults } from './faults.ts';
import { Fleet, OUTSTANDING_PER_USER_MAX, SLOTS_PER_WORKER, WORKERS } from './fleet.ts';
import { type Chat, Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { Model } from './model.ts';
import { Observer } from './observer.ts';
import type { StormOptions } from './options.ts';
import { checkAnswers } from './oracle/answers.ts';
import { checkBound } from './oracle/bound.ts';
import { checkEnds, endText } from './oracle/ends.ts';
import { checkGone } from './oracle/gone.ts';
import { idleWhileWaiting } from './oracle/idle.ts';
import { checkLeftovers } from './oracle/leftovers.ts';
import { checkOverlaps, findOverlaps } from './oracle/overlaps.ts';
import { checkRefusals } from './oracle/refusals.ts';
import { type Interval, type Violation, violationText } from './oracle/violation.ts';
import { countBy, overlapCounts, seen, spread, type StormResult, takeovers } from './report.ts';

const PROGRESS_MS = 10_000;
/** The simulator keeps 10,000 calls: some minutes of this load. */
const GATHER_MS = 10_000;
/** A client that left is asked about when its run must be over. */
const WASTE_AFTER_MS = 2_000;
/** No fault begins so shortly before the end of the load. */
const LAST_FAULT_MS = 15_000;
const LONGEST_SHOWN = 3;
const NOTES_MAX = 20;
/** Promised while nothing is killed. */
const IDLE_P99_MAX_MS = 20;

export class Storm {
  readonly #options: StormOptions;
  readonly #say: (line: string) => void;
  readonly #ledger = new Ledger();
  readonly #violations: Violation[] = [];
  readonly #asking = new Set<Promise<void>>();
  readonly #log: WriteStream | undefined;

  constructor(options: StormOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#log = options.log === undefined ? undefined : createWriteStream(options.log);
  }

  async run(): Promise<StormResult> {
    const { seed, seconds, kills } = this.#options;
    const fleet = await Fleet.start(this.#ledger, (name, line) => this.#onLine(name, line));
    const observer = await Observer.start(fleet.nats.url, this.#ledger);
    const model = new Model(fleet.simulator.url);
    const ledger = this.#ledger;
    const load = new Load({ fleet, ledger, seed, onEnd: (chat) => this.#onEnd(chat, model) });
    const faults = new Faults({
      fleet,
      ledger,
      seed: seed + 1,
      nextRing: () => observer.nextRing,
      readLog: () => observer.readLog(),
      say: this.#say,
      violation: (evidence) => this.#violated({ promise: 'recovery', atMs: nowMs(), evidence }),
    });
    const timers = [
      setInterval(() => this.#progress(load, faults), PROGRESS_MS),
      setInterval(() => void this.#gather(model, observer), GATHER_MS),
    ];
    try {
      const fromMs = nowMs();
      const untilMs = fromMs + seconds * 1_000;
      await Promise.all([
        load.run(untilMs),
        kills ? faults.run(untilMs - LAST_FAULT_MS) : undefined,
      ]);
      this.#say('quiet: waiting for the last answers');
      await load.settled();
      const within = { fromMs, untilMs: nowMs() };
      for (const violation of await checkLeftovers({ fleet, ledger, load, observer, model })) {
        this.#violated(violation);
      }
      await Promise.all(this.#asking);
      ledger.takeCalls(await model.calls());
      await observer.readLog();
      return this.#judge(within);
    } finally {
      for (const timer of timers) clearInterval(timer);
      await observer.close();
      await fleet.stop();
      this.#log?.end();
    }
  }

  #judge(within: Interval): StormResult {
    const { seed, seconds, kills } = this.#options;
    const ledger = this.#ledger;
    const bound = checkBound(ledger);
    const refusals = checkRefusals(ledger, OUTSTANDING_PER_USER_MAX);
    const found = [checkEnds, checkOverlaps, checkAnswers, checkGone].flatMap((check) =>
      check(ledger),
    );
    for (const each of [...found, ...bound.violations, ...refusals.violations])
      this.#violated(each);
    for (const each of refusals.duringFaults.slice(0, NOTES_MAX)) {
      this.#say(`note: ${violationText(each)}`);
    }
    const idle = idleWhileWaiting(ledger, within, SLOTS_PER_WORKER * WORKERS);
    const accepted = [...ledger.runs.values()];
    return {
      seed,
      seconds,
      kills,
      requests: ledger.chats.size,
      accepted: accepted.length,
      ends: countBy(
        accepted.flatMap(({ ends }) => ends.slice(0, 1).map(({ end }) => endText(end))),
      ),
      seen: seen(ledger),
      faults: countBy(ledger.faults.map(({ kind }) => kind)),
      takeovers: takeovers(ledger),
      overlaps: overlapCounts(findOverlaps(ledger)),
      maxRunning: bound.maxRunning,
      idleWhileWaitingMs: spread(idle.map(({ ms }) => ms)),
      longestIdle: idle.toSorted((a, b) => b.ms - a.ms).slice(0, LONGEST_SHOWN),
      tokensAfterLeaving: spread(
        ledger.waste
          .filter(({ leftAtMs }) => !ledger.touchedByFault(leftAtMs, leftAtMs))
          .map(({ tokens }) => tokens),
      ),
      refusedDuringFaults: refusals.duringFaults.length,
      violations: this.#violations,
    };
  }

  /** Gateways name the run of each request in their access log. */
  #onLine(name: string, line: string): void {
    this.#log?.write(`${name} ${line}\n`);
    if (!name.startsWith('gateway') || !line.includes('"run":"')) return;
    const { requestId, run, msg } = parseLine(line);
    if (msg !== 'request' || requestId === undefined || run === undefined) return;
    this.#ledger.run(run).request ??= requestId;
  }

  #onEnd(chat: Chat, model: Model): void {
    const leftAtMs = chat.result?.leftAtMs;
    if (leftAtMs === undefined) return;
    const ask = async (): Promise<void> => {
      await delay(WASTE_AFTER_MS);
      const times = await model.tokenTimes(chat.plan.id);
      const tokens = times.filter((atMs) => atMs > leftAtMs).length;
      this.#ledger.waste.push({ request: chat.plan.id, leftAtMs, tokens });
    };
    const asking = ask().finally(() => this.#asking.delete(asking));
    this.#asking.add(asking);
  }

  async #gather(model: Model, observer: Observer): Promise<void> {
    this.#ledger.takeCalls(await model.calls());
    // NATS may be away just now; the next time reads what this one did not.
    await observer.readLog().catch(() => undefined);
  }

  #progress(load: Load, faults: Faults): void {
    const { chats, runs } = this.#ledger;
    const counts = seen(this.#ledger);
    const { crowd, load: share } = load.phase ?? { crowd: '', load: 0 };
    const failed = chats.size - load.open - (counts['completed'] ?? 0) - (counts['left'] ?? 0);
    const fault = faults.now === undefined ? '' : `, ${faults.now}`;
    this.#say(
      `${crowd} ${share}${fault}: ${chats.size} sent, ` +
        `${runs.size} accepted, ${load.open} open, ${counts['completed'] ?? 0} completed, ` +
        `${counts['left'] ?? 0} left, ${failed} failed, ${this.#violations.length} violations`,
    );
  }

  #violated(violation: Violation): void {
    this.#violations.push(violation);
    this.#say(`VIOLATION ${violationText(violation)} (seed ${this.#options.seed})`);
  }
}

/** Why a storm does not pass; empty when it does. Times count only where nothing is killed. */
export function problems(result: StormResult): string[] {
  const found = result.violations.length === 0 ? [] : [`${result.violations.length} violations`];
  const { p99 } = result.idleWhileWaitingMs;
  if (p99 > IDLE_P99_MAX_MS) {
    found.push(
      `a slot was idle while a request waited for ${p99} ms (p99), not ${IDLE_P99_MAX_MS}`,
    );
  }
  return found;
}

function parseLine(line: string): { requestId?: string; run?: string; msg?: string } {
  try {
    return JSON.parse(line) as { requestId?: string; run?: string; msg?: string };
  } catch {
    // Cut in the middle: its process was killed while it wrote.
    return {};
  }
}
