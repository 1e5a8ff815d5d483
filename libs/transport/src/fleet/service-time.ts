/** Runs after which a change of the service time is seen for two thirds. */
const MEMORY_RUNS = 20;

/**
 * How long a run holds its slot: the mean of the first runs, then an exponentially weighted one. A
 * mean and not a median, because a queue moves on by the sum of what its runs take.
 */
export class ServiceTime {
  #meanMs = 0;
  #count = 0;

  add(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) return;
    this.#count += 1;
    this.#meanMs += (ms - this.#meanMs) / Math.min(this.#count, MEMORY_RUNS);
  }

  /** Undefined before the first run. */
  get meanMs(): number | undefined {
    return this.#count === 0 ? undefined : this.#meanMs;
  }

  /** Runs seen. */
  get count(): number {
    return this.#count;
  }
}
