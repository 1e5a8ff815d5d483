/**
 * A bounded pool: N slots, each a sequential loop `take -> run -> take`.
 *
 * Invariants, each asserted here or held by construction, each with a test of its name:
 * - I1 running <= size: there are only `size` loops and each runs one task at a time.
 * - I2 no idle slot while work waits: an idle slot is always inside `source.take()` until the pool
 *   stops.
 * - I3 what was taken is run, exactly once: the stop signal is looked at before taking, never
 *   between taking and running.
 * - I4 after `stop()` no slot takes again; `drained` resolves only when nothing runs.
 * - I5 a task that throws frees its slot and no other.
 *
 * Refused: a counter with acquire and release (every system read that counted leaked), and resizing
 * while running (nothing changes the size; a new size is a new process).
 */

/** Where slots get their work. */
export interface TaskSource<T> {
  /**
   * Waits for a task for one idle slot. When `stop` aborts it resolves soon with `undefined`, or
   * with the task that had already been taken for this call. Must not reject: a source that can
   * fail waits and tries again inside.
   */
  take(stop: AbortSignal): Promise<T | undefined>;
}

/**
 * - `starting`: made, no slot has asked for work.
 * - `running`: every idle slot is asking for work.
 * - `draining`: no slot asks for work; some still run.
 * - `stopped`: nothing runs and nothing will.
 */
export type PoolState = 'starting' | 'running' | 'draining' | 'stopped';

export interface SlotPoolOptions<T> {
  /** Number of slots, a whole number from 1 to 10,000. */
  readonly size: number;
  readonly source: TaskSource<T>;
  /**
   * Runs one task. `signal` aborts when the pool gives up waiting for it ({@link SlotPool.abort}).
   */
  readonly run: (task: T, signal: AbortSignal) => Promise<void>;
  /** Told of everything `run` or `take` throws; the slot goes on. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** Told when `busy` or `state` is another. Must not throw. */
  readonly onChange?: (() => void) | undefined;
}

const NEXT: Record<PoolState, readonly PoolState[]> = {
  starting: ['running', 'stopped'],
  running: ['draining'],
  draining: ['stopped'],
  stopped: [],
};

export class SlotPool<T> {
  readonly size: number;
  readonly #options: SlotPoolOptions<T>;
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #drained = Promise.withResolvers<void>();
  #state: PoolState = 'starting';
  #busy = 0;

  constructor(options: SlotPoolOptions<T>) {
    if (!Number.isInteger(options.size) || options.size < 1 || options.size > 10_000) {
      throw new RangeError(`size must be a whole number from 1 to 10000, not ${options.size}`);
    }
    this.size = options.size;
    this.#options = options;
  }

  get state(): PoolState {
    return this.#state;
  }

  /** Slots running a task now. */
  get busy(): number {
    return this.#busy;
  }

  /** Resolves once the pool has stopped and nothing runs any more. Never rejects. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** Begins to take work. @throws Error when called twice or after `stop()`. */
  start(): void {
    this.#setState('running');
    const slots = Array.from({ length: this.size }, () => this.#slot());
    void Promise.all(slots).then(() => {
      assert(this.#busy === 0, 'a slot ended while its task ran');
      this.#setState('stopped');
      this.#drained.resolve();
    });
  }

  /** Stops taking work. Running tasks go on; await {@link drained}. Idempotent. */
  stop(): void {
    if (this.#state === 'starting') {
      this.#setState('stopped');
      this.#drained.resolve();
    } else if (this.#state === 'running') {
      this.#setState('draining');
      this.#stopping.abort();
    }
  }

  /** Stops, and aborts the signal of every running task. Idempotent. */
  abort(): void {
    this.stop();
    this.#aborting.abort();
  }

  async #slot(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      let task: T | undefined;
      try {
        task = await this.#options.source.take(this.#stopping.signal);
      } catch (error) {
        this.#options.onError(error);
        // A source that rejects at once must not spin the event loop.
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      if (task !== undefined) await this.#run(task);
    }
  }

  async #run(task: T): Promise<void> {
    this.#busy += 1;
    assert(this.#busy <= this.size, 'more tasks run than there are slots');
    this.#options.onChange?.();
    try {
      await this.#options.run(task, this.#aborting.signal);
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#busy -= 1;
      this.#options.onChange?.();
    }
  }

  #setState(next: PoolState): void {
    assert(NEXT[this.#state].includes(next), `a pool cannot go from ${this.#state} to ${next}`);
    this.#state = next;
    this.#options.onChange?.();
  }
}

function assert(condition: boolean, message: string): void {
  if (!condition) throw new Error(`slot pool: ${message}`);
}
