interface Waiter {
  readonly enter: () => void;
}

/**
 * The bound on calls at once of one provider.
 *
 * - P1: never more than `size` places are taken.
 * - P2: who came first is served first; a place that comes free is handed on in the same turn.
 * - P3: a waiter that is aborted leaves the line at once, and nothing else changes.
 * - P4: each place is given back once.
 */
export class Places {
  readonly #size: number;
  readonly #line = new Set<Waiter>();
  #taken = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Waits for a place. @returns what gives it back. @throws the signal's reason */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#size) this.#taken += 1;
    else await this.#wait(signal);
    return this.#leaveOnce();
  }

  /** Resolves when the place of another has become this one's. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { enter: resolve };
    const onAbort = (): void => {
      if (this.#line.delete(waiter)) reject(signal.reason);
    };
    this.#line.add(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #leaveOnce(): () => void {
    let isLeft = false;
    return () => {
      if (isLeft) throw new Error('a place was given back twice');
      isLeft = true;
      const [next] = this.#line;
      if (next === undefined) {
        this.#taken -= 1;
        return;
      }
      this.#line.delete(next);
      next.enter();
    };
  }
}
