/** Rest between two refreshes, however often one is wanted. */
const REST_MS = 1_000;

/** Does something again when it is wanted, one at a time, and seldom. */
export class Refresher {
  readonly #refresh: () => Promise<void>;
  #state: 'idle' | 'busy' | 'wantedAgain' | 'closed' = 'idle';
  #timer: NodeJS.Timeout | undefined;

  /** @param refresh may fail: what was there before stays */
  constructor(refresh: () => Promise<void>) {
    this.#refresh = refresh;
  }

  wanted(): void {
    if (this.#state === 'busy') this.#state = 'wantedAgain';
    if (this.#state === 'idle') void this.#run();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#state = 'busy';
    try {
      await this.#refresh();
    } catch {
      // The next notice, or the next connection, brings the list.
    }
    if (this.#isClosed()) return;
    this.#timer = setTimeout(() => this.#rested(), REST_MS);
  }

  #rested(): void {
    const again = this.#state === 'wantedAgain';
    this.#state = 'idle';
    if (again) void this.#run();
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }
}
