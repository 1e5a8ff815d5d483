/** Where a run stands in the queue: an estimate, which requests of others may move. */
export interface QueuePlace {
  /** Requests that are taken before it. */
  readonly ahead: number;
  /** Milliseconds until a slot takes it; undefined: not known. */
  readonly etaMs: number | undefined;
}

/** Undefined: it does not wait, or nobody here knows where. */
export type FindPlace = (run: string) => Promise<QueuePlace | undefined>;

export interface QueueProgressOptions {
  readonly run: string;
  readonly find: FindPlace;
  /** Never called after {@link QueueProgress.stop}. */
  readonly tell: (place: QueuePlace) => void;
}

/** How often somebody who waits is told where he stands. */
export const QUEUE_PROGRESS_MS = 3_000;

/** Looks every few seconds where a run stands, for as long as it waits. */
export class QueueProgress {
  readonly #options: QueueProgressOptions;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #stopped = false;

  constructor(options: QueueProgressOptions) {
    this.#options = options;
  }

  /** The first look is at once, or when the first few seconds are over. */
  start(first: 'at once' | 'later'): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#look(), QUEUE_PROGRESS_MS);
    if (first === 'at once') void this.#look();
  }

  /** Idempotent. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { find, run, tell } = this.#options;
    try {
      const place = await find(run);
      if (place !== undefined && !this.#stopped) tell(place);
    } catch {
      // What is only for his information is left out.
    } finally {
      this.#isLooking = false;
    }
  }
}
