/** Tells several listeners of changes, soon, and not more often than every `pauseMs`. */
export class Listeners {
  readonly #pauseMs: number;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #toldAtMs = -Infinity;

  /** `now`: a monotonic clock, milliseconds. */
  constructor(pauseMs: number, now: () => number = () => performance.now()) {
    this.#pauseMs = pauseMs;
    this.#now = now;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** `listener` must not throw. @returns its removal, idempotent. */
  add(listener: () => void): () => void {
    // An entry of its own: one function may listen twice.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  notify(): void {
    if (this.#timer !== undefined || this.#listeners.size === 0) return;
    const delayMs = Math.max(0, this.#toldAtMs + this.#pauseMs - this.#now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#toldAtMs = this.#now();
      for (const listener of this.#listeners) listener();
    }, delayMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }
}
