import type { Caller } from './caller.ts';

interface Verified {
  readonly caller: Caller;
  /** From then on it is no longer accepted, clock skew included. */
  readonly untilMs: number;
  /** Whether the keys are still the ones it was verified with. */
  readonly stands: () => boolean;
}

/**
 * Tokens that were verified, by their hash: neither tokens nor their signatures stay in memory. At
 * most `max` of them; the one that was not used for the longest time goes first.
 */
export class TokenCache {
  readonly #max: number;
  readonly #entries = new Map<string, Verified>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(digest: string, nowMs: number): Caller | undefined {
    const found = this.#entries.get(digest);
    if (found === undefined) return undefined;
    this.#entries.delete(digest);
    if (found.untilMs <= nowMs || !found.stands()) return undefined;
    // Back as the youngest.
    this.#entries.set(digest, found);
    return found.caller;
  }

  set(digest: string, verified: Verified): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, verified);
    if (this.#entries.size <= this.#max) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
