/**
 * Which ranks the requests of this gateway hold, by its own view; the server's is the true one.
 * Users are told apart by any key, which here stands for pool and user.
 */

/** How long after a rank was released the server may still count it. */
const JUST_RELEASED_MS = 500;
const RELEASED_MAX = 4_096;

export class HeldRanks {
  /** Entries go when the last rank does. */
  readonly #held = new Map<string, Set<number>>();
  /** When a rank was last released; only the latest few thousand are kept. */
  readonly #released = new Map<string, number>();

  has(user: string, rank: number): boolean {
    return this.#held.get(user)?.has(rank) === true;
  }

  /** The lowest rank up to `most` that is not held; undefined when all are. */
  lowestFree(user: string, most: number): number | undefined {
    for (let rank = 1; rank <= most; rank++) {
      if (!this.has(user, rank)) return rank;
    }
    return undefined;
  }

  /** @returns the release, which may be called again. */
  hold(user: string, rank: number): () => void {
    if (this.has(user, rank)) return () => undefined; // Its holder releases it.
    const held = this.#held.get(user) ?? new Set();
    this.#held.set(user, held.add(rank));
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held.delete(rank);
      if (held.size === 0 && this.#held.get(user) === held) this.#held.delete(user);
    };
  }

  /** A run of the user has ended here: its message goes from the queue in this moment. */
  noteEnded(user: string): void {
    this.#released.delete(user);
    this.#released.set(user, performance.now());
    if (this.#released.size <= RELEASED_MAX) return;
    for (const oldest of this.#released.keys()) {
      this.#released.delete(oldest);
      break;
    }
  }

  /** Whether a run of the user has ended here a moment ago. */
  hasJustEnded(user: string): boolean {
    const endedAtMs = this.#released.get(user) ?? -Infinity;
    return performance.now() - endedAtMs < JUST_RELEASED_MS;
  }
}
