const PAUSE_MS = 250;

/** Waits for the next change of several things, not more often than every quarter of a second. */
export class Changes {
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;
  #noted = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #endPause: (() => void) | undefined;

  /** Nothing is waited for any more when `signal` aborts. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#onAbort = () => {
      this.note();
      this.#endPause?.();
    };
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  note(): void {
    this.#noted.resolve();
  }

  /** Resolves when something was noted since the last call, and the pause is over. */
  async next(): Promise<void> {
    await this.#pause();
    if (!this.#signal.aborted) await this.#noted.promise;
    this.#noted = Promise.withResolvers();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  async #pause(): Promise<void> {
    if (this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      this.#timer = setTimeout(resolve, PAUSE_MS);
    });
    clearTimeout(this.#timer);
  }
}
