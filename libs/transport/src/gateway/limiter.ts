/** Runs at most so many tasks at once; the others wait in turn. */
export class Limiter {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Rejects with what `task` rejects with. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    // A freed place goes straight to the next in turn: nobody who comes later takes it.
    if (this.#running >= this.#most) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
