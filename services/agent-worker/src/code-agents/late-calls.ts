import timers from 'node:timers/promises';

/** Failing calls that a module is told of after its run; a tidy one needs a few. */
const TOLD_MAX = 100;

/**
 * How the calls fail that a module makes of models and tools. A module that tries again for ever
 * must not keep the event loop from other runs, nor go on for ever when its run is over.
 */
export class LateCalls {
  readonly #signal: AbortSignal;
  #told = 0;

  /** @param signal Aborts when the run is over. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** What `call` gives, or its failure, later: one turn of the event loop, or never. */
  async failLater<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (thrown) {
      if (this.#signal.aborted) this.#told += 1;
      // Nobody holds such a promise but the module itself: both are collected.
      if (this.#told > TOLD_MAX) await new Promise<never>(() => {});
      await timers.setImmediate();
      throw thrown;
    }
  }
}
