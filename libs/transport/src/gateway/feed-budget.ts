/**
 * What all readers of one gateway may hold together, in characters: each has its own bound as well,
 * but ten thousand of them would be too much.
 */
export class FeedBudget {
  #free: number;

  /** @param chars Default 33,554,432: 32 to 64 MiB. */
  constructor(chars = 33_554_432) {
    this.#free = chars;
  }

  fits(chars: number): boolean {
    return chars <= this.#free;
  }

  /** Takes also what does not fit: one message must get through, or nobody would ever read on. */
  take(chars: number): void {
    this.#free -= chars;
  }

  give(chars: number): void {
    this.#free += chars;
  }
}
