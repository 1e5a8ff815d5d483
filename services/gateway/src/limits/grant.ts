import type { Charge } from './charge.ts';
import type { Standing } from './standing.ts';
import { tightest } from './standing.ts';

/**
 * A request that its caller's limits let in. It is refunded or settled once; what comes second does
 * nothing. Left alone, the estimate stands.
 */
export class Grant {
  readonly standing: Standing;
  readonly #charges: readonly Charge[];
  #isDone = false;

  constructor(charges: readonly Charge[]) {
    this.#charges = charges;
    this.standing = tightest(charges.map((charge) => charge.standing));
  }

  /** For a request that was refused after all: nothing of it counts. Never rejects. */
  async refund(): Promise<void> {
    await this.#finish((charge) => charge.refund());
  }

  /** For a request that has run: its tokens count as they were. Never rejects. */
  async settle(actualTokens: number): Promise<void> {
    const tokens = Number.isFinite(actualTokens) ? Math.max(0, Math.round(actualTokens)) : 0;
    await this.#finish((charge) => charge.settle(tokens));
  }

  async #finish(how: (charge: Charge) => Promise<void>): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await Promise.all(this.#charges.map(how));
  }
}
