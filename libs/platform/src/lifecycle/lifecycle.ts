/**
 * The end of a process in four phases behind one promise.
 *
 * I1  Phases run once, in order, and the steps of a phase in the order of their registration.
 * I2  A second shutdown() returns the promise of the first.
 * I3  A step that throws, or takes too long, does not keep the next ones from running.
 * I4  It ends within the budget, whatever the steps do.
 */

/**
 * What a process is doing: `running`, then one phase after the other:
 * - `stopIntake`: accept nothing new; what was accepted goes on.
 * - `drain`: wait for running work. Long; its signal aborts when only the reserve is left.
 * - `abort`: stop what still runs and give it back.
 * - `close`: close connections, servers and files.
 * At the end `stopped`.
 */
export type LifecycleState = 'running' | Phase | 'stopped';
export type Phase = (typeof PHASES)[number];
const PHASES = ['stopIntake', 'drain', 'abort', 'close'] as const;

/** Ends early when `signal` aborts; what it does after that is not waited for. */
export type Step = (signal: AbortSignal) => Promise<void> | void;

interface LifecycleLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LifecycleOptions {
  /** For the whole shutdown, in ms. Keep it below what the process's supervisor waits. */
  readonly budgetMs: number;
  /**
   * Part of the budget kept for `abort` and `close`, in ms. Default: a tenth, at most 5 s.
   */
  readonly reserveMs?: number;
  readonly log: LifecycleLog;
}

const RESERVE_MAX_MS = 5_000;

/** A step was still running when its time was over. */
export class StepTimeoutError extends Error {
  readonly phase: Phase;
  readonly step: string;

  constructor(phase: Phase, step: string) {
    super(`${phase}: ${step} did not finish in time`);
    this.name = 'StepTimeoutError';
    this.phase = phase;
    this.step = step;
  }
}

export class Lifecycle {
  readonly #steps: Record<Phase, { name: string; step: Step }[]> = {
    stopIntake: [],
    drain: [],
    abort: [],
    close: [],
  };
  readonly #budgetMs: number;
  readonly #reserveMs: number;
  readonly #log: LifecycleLog;
  #state: LifecycleState = 'running';
  #shutdown: Promise<void> | undefined;

  /** Throws RangeError when the reserve is not below the budget. */
  constructor(options: LifecycleOptions) {
    this.#budgetMs = options.budgetMs;
    this.#reserveMs = options.reserveMs ?? Math.min(RESERVE_MAX_MS, options.budgetMs / 10);
    this.#log = options.log;
    if (this.#reserveMs >= this.#budgetMs) throw new RangeError('reserveMs must be below budgetMs');
  }

  get state(): LifecycleState {
    return this.#state;
  }

  onStopIntake(name: string, step: Step): void {
    this.#add('stopIntake', name, step);
  }

  onDrain(name: string, step: Step): void {
    this.#add('drain', name, step);
  }

  onAbort(name: string, step: Step): void {
    this.#add('abort', name, step);
  }

  onClose(name: string, step: Step): void {
    this.#add('close', name, step);
  }

  /** Runs the phases. Never rejects: what went wrong is logged at the end as one AggregateError. */
  shutdown(reason: string): Promise<void> {
    this.#shutdown ??= this.#run(reason);
    return this.#shutdown;
  }

  #add(phase: Phase, name: string, step: Step): void {
    if (this.#state !== 'running') throw new Error(`too late for a step of ${phase}: ${name}`);
    this.#steps[phase].push({ name, step });
  }

  async #run(reason: string): Promise<void> {
    const problems: unknown[] = [];
    const drainTime = new Deadline(this.#budgetMs - this.#reserveMs);
    const wholeTime = new Deadline(this.#budgetMs);
    this.#log.info({ reason, budgetMs: this.#budgetMs }, 'shutting down');
    try {
      for (const phase of PHASES) {
        this.#state = phase;
        const { signal } = phase === 'stopIntake' || phase === 'drain' ? drainTime : wholeTime;
        for (const { name, step } of this.#steps[phase]) {
          // One after the other on purpose: the order of registration is the order of closing.
          const problem = await runStep(phase, name, step, signal);
          if (problem !== undefined) problems.push(problem);
        }
      }
    } finally {
      drainTime.clear();
      wholeTime.clear();
      this.#state = 'stopped';
    }
    if (problems.length === 0) this.#log.info({ reason }, 'shut down');
    else {
      const err = new AggregateError(problems, `${problems.length} steps of the shutdown failed`);
      this.#log.error({ reason, err }, 'shut down, with problems');
    }
  }
}

/** What went wrong, if anything. A step is begun even when its time is over, but not waited for. */
async function runStep(
  phase: Phase,
  name: string,
  step: Step,
  signal: AbortSignal,
): Promise<unknown> {
  const timedOut = Promise.withResolvers<'late'>();
  const onAbort = () => {
    // A turn later, so that a step that ends because of the signal counts as ended.
    setImmediate(() => timedOut.resolve('late'));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    const work = (async () => step(signal))();
    const result = await Promise.race([work, timedOut.promise]);
    return result === 'late' ? new StepTimeoutError(phase, name) : undefined;
  } catch (error) {
    return new Error(`${phase}: ${name} failed`, { cause: error });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A signal that aborts after some time unless cleared. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(afterMs: number) {
    this.#timer = setTimeout(() => this.#controller.abort(), afterMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
