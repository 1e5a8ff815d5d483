/**
 * Who runs beside whom in this worker: a readers-writer lock. Runs share it; a suspect, a run that
 * SUSPECT_FROM (2) workers were lost on, has it to itself.
 *
 * - G1 while a suspect is inside and alone, nothing else is: no run, no end that is being stored,
 *   no handler that was abandoned and may still do anything.
 * - G2 a suspect claims its run only when it is alone (`RunAttempt`). While it waits for that it
 *   loses nothing when the worker dies. One that nobody waits for any more is claimed at once, only
 *   to be ended: nothing of it is executed.
 * - G3 one suspect at a time waits or is alone; from when it waits, nobody else is let in.
 *
 * What it is for: a request that kills its worker (MAX_ATTEMPTS, 3, of them) must not condemn those
 * beside it. Let `l` be how many workers a run was lost with. Every claim under which anything runs
 * is made with `l` < 2, or alone (G2). So what makes `l` 3 happens while the run is alone, and is
 * its own doing, or that of a machine. A pill is alone at its third attempt and takes nobody with
 * it; before that it raises others to `l` <= 2 at most, and so do any number of pills: a run that
 * has met two of them is alone at its next attempt, and meets no third.
 *
 * Why not from the first loss: a machine that fails with 500 runs on it would send all of them, one
 * by one, through the fleet. Lost once, they run as always; a second loss of the same run is what a
 * pill does and a machine hardly ever.
 *
 * What it costs: the one exception to "no slot idles while a request waits". Of the runs that were
 * beside a pill twice, each worker does one at a time, and a busy worker that makes room for one
 * waits for the longest of its runs. Not all workers of a pool do so at once (`open-share.ts`).
 */

/** One run's stay in the worker. */
export interface RunPass {
  /**
   * Lets nobody else in and waits until nobody else is inside. @returns false when that is not to
   * be had here, and nothing has changed: another suspect waits or is alone, a handler was
   * abandoned, the worker stops, or `signal` aborts.
   */
  isolate(signal: AbortSignal): Promise<boolean>;
  /** The run is over, but its handler is not: until that has ended, nobody is alone here. */
  abandon(handler: Promise<unknown>): void;
  /** The run is over, and its end is stored. */
  leave(): void;
}

export interface GateOptions {
  /** Told when it closes, and when it opens again. Must not throw. */
  readonly onChange: (closed: boolean) => void;
}

interface Waiting {
  readonly pass: RunPass;
  readonly resolve: (alone: boolean) => void;
}

export class RunGate {
  readonly #options: GateOptions;
  readonly #inside = new Set<RunPass>();
  readonly #abandoned = new Set<Promise<unknown>>();
  #waiting: Waiting | undefined;
  #alone: RunPass | undefined;
  #stopping = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Whether nobody is let in: a suspect waits until it is alone, or is. */
  get closed(): boolean {
    return this.#waiting !== undefined || this.#alone !== undefined;
  }

  /** Handlers that went on after their runs were over, and have not ended since. */
  get abandoned(): number {
    return this.#abandoned.size;
  }

  /** Whether somebody inside could not be alone at once. */
  get crowded(): boolean {
    return this.closed || this.#inside.size > 1 || this.#abandoned.size > 0;
  }

  /** @returns undefined while nobody is let in */
  enter(): RunPass | undefined {
    if (this.closed) return undefined;
    const pass: RunPass = {
      isolate: (signal) => this.#isolate(pass, signal),
      abandon: (handler) => this.#abandon(handler),
      leave: () => this.#leave(pass),
    };
    this.#inside.add(pass);
    return pass;
  }

  /** The worker stops: whoever waits to be alone is refused, and so is whoever asks for it. */
  stop(): void {
    this.#stopping = true;
    this.#settle(false);
  }

  async #isolate(pass: RunPass, signal: AbortSignal): Promise<boolean> {
    if (this.closed || this.#stopping || this.#abandoned.size > 0 || signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const refuse = (): void => this.#settle(false);
    signal.addEventListener('abort', refuse, { once: true });
    this.#waiting = { pass, resolve };
    this.#options.onChange(true);
    if (this.#inside.size === 1) this.#settle(true);
    const alone = await promise;
    signal.removeEventListener('abort', refuse);
    return alone;
  }

  #abandon(handler: Promise<unknown>): void {
    this.#abandoned.add(handler);
    // It would wait for as long as the handler goes on.
    this.#settle(false);
    const forget = (): boolean => this.#abandoned.delete(handler);
    handler.then(forget, forget);
  }

  #leave(pass: RunPass): void {
    this.#inside.delete(pass);
    if (this.#alone === pass) {
      this.#alone = undefined;
      this.#options.onChange(false);
    }
    if (this.#inside.size === 1) this.#settle(true);
  }

  /** At once and not when the waiter's turn comes: a refusal and a leave may be of one moment. */
  #settle(alone: boolean): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    if (alone) this.#alone = waiting.pass;
    else this.#options.onChange(false);
    waiting.resolve(alone);
  }
}
