/**
 * So many calls at once, the others in order.
 *
 * - I1: never more than `size` are taken.
 * - I2: a slot that comes free goes to the longest waiter in the same turn.
 * - I3: a waiter whose signal aborts rejects at once and leaves the others as they were.
 */
export class CallSlots {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError('one slot or more');
    this.#free = size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * @returns gives the slot back; to be called once
   * @throws the signal's reason
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    let taken = true;
    return () => {
      if (!taken) throw new Error('the slot was given back before');
      taken = false;
      this.#release();
    };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      // One that was handed the slot in this same turn has it, and gives it back as usual.
      if (this.#waiting.delete(resolve)) reject(signal.reason);
    };
    this.#waiting.add(resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
