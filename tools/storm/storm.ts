/** One storm: processes, load, faults; then quiet, and the questions. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { nowMs } from './clock.ts';
import { Faults } from './faults.ts';
import { Fleet } from './fleet.ts';
import { type Chat, Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { MachineLoad } from './machine-load.ts';
import { Model } from './model.ts';
import { Observer } from './observer.ts';
import type { StormOptions } from './options.ts';
import { checkLeftovers } from './oracle/leftovers.ts';
import { type Interval, type Violation, violationText } from './oracle/violation.ts';
import { seen, type StormResult } from './report.ts';
import { judge } from './verdict.ts';

const PROGRESS_MS = 10_000;
/** The simulator keeps 10,000 calls: some minutes of this load. */
const GATHER_MS = 10_000;
/** A client that left is asked about when its run must be over. */
const WASTE_AFTER_MS = 2_000;
/** No fault begins so shortly before the end of the load. */
const LAST_FAULT_MS = 15_000;
const NOTES_MAX = 20;

export class Storm {
  readonly #options: StormOptions;
  readonly #say: (line: string) => void;
  readonly #ledger = new Ledger();
  readonly #violations: Violation[] = [];
  readonly #asking = new Set<Promise<void>>();
  readonly #log: WriteStream | undefined;
  readonly #machine = new MachineLoad();

  constructor(options: StormOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#log = options.log === undefined ? undefined : createWriteStream(options.log);
  }

  async run(): Promise<StormResult> {
    const { seed, seconds, kills } = this.#options;
    const fleet = await Fleet.start(this.#ledger, (name, line) => this.#onLine(name, line));
    const observer = await Observer.start(fleet.nats, this.#ledger);
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
      this.#machine.stop();
      await observer.close();
      await fleet.stop();
      this.#log?.end();
    }
  }

  #judge(within: Interval): StormResult {
    const verdict = judge(this.#ledger, this.#options, this.#machine, within);
    for (const each of verdict.violations) this.#violated(each);
    for (const each of verdict.excused.slice(0, NOTES_MAX)) {
      this.#say(`during a fault: ${violationText(each)}`);
    }
    return { ...verdict.figures, violations: this.#violations };
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

function parseLine(line: string): { requestId?: string; run?: string; msg?: string } {
  try {
    return JSON.parse(line) as { requestId?: string; run?: string; msg?: string };
  } catch {
    // Cut in the middle: its process was killed while it wrote.
    return {};
  }
}
