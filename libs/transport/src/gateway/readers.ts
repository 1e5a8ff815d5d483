/**
 * Who reads one run, here and at other gateways, and when it counts as abandoned.
 *
 * - R1 while anybody reads it, here or elsewhere, it is not abandoned; one that goes on without
 *   readers (`continue`) never is.
 * - R2 otherwise it is abandoned when the last reader has left: at once (`cancel`), or when nobody
 *   has come back within its window (`resume`).
 * - R3 a gateway that goes away is no reader leaving: after a detach nothing is abandoned here
 *   until somebody reads it here again.
 * - R4 another gateway counts as reading until it says that its last reader left, or has been
 *   silent for `elsewhereMs`.
 * - R5 it is abandoned at most once, and never after `over()`.
 */
import type { OnDisconnect } from '@switchboard/contract';

/**
 * - `left`: on purpose, or because its connection was lost.
 * - `detached`: the gateway lets go of it; its reader may come back elsewhere.
 * - `done`: it has read the end.
 */
export type Leaving = 'left' | 'detached' | 'done';

export interface ReadersOptions {
  readonly onDisconnect: OnDisconnect;
  /** Used by `resume` alone, milliseconds. */
  readonly resumeWindowMs: number;
  /** How long after its last word another gateway's reader is still counted, milliseconds. */
  readonly elsewhereMs: number;
  readonly onAbandoned: () => void;
}

export class Readers {
  readonly #options: ReadersOptions;
  /** When each other gateway that has a reader said so last. */
  readonly #elsewhere = new Map<string, number>();
  #here = 0;
  #detached = false;
  #vacantSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** Readers at this gateway. */
  get here(): number {
    return this.#here;
  }

  /** Whether anybody but one reader here, as far as is known, reads it. */
  get shared(): boolean {
    const now = performance.now();
    const { elsewhereMs } = this.#options;
    return this.#here > 1 || [...this.#elsewhere.values()].some((said) => now - said < elsewhereMs);
  }

  /** Whether this gateway has let go of it. */
  get detached(): boolean {
    return this.#detached;
  }

  /** As many read it here now; `leaving` says how one of them went, if one did. */
  changed(here: number, leaving: Leaving | undefined): void {
    this.#here = here;
    if (leaving === undefined) this.#detached = false;
    if (leaving === 'detached') this.#detached = true;
    if (here === 0) this.#vacantSinceMs = performance.now();
    this.#check();
  }

  /** Another gateway says whether it has a reader. */
  heardElsewhere(gateway: string, reads: boolean): void {
    if (reads) this.#elsewhere.set(gateway, performance.now());
    else if (this.#elsewhere.delete(gateway)) this.#vacantSinceMs = performance.now();
    this.#check();
  }

  /** The run has ended, or nobody here looks after it any more. */
  over(): void {
    this.#over = true;
    this.#elsewhere.clear();
    clearTimeout(this.#timer);
  }

  #check(): void {
    clearTimeout(this.#timer);
    const { onDisconnect } = this.#options;
    if (this.#over || this.#detached || this.#here > 0 || onDisconnect === 'continue') return;
    const now = performance.now();
    const waitMs = this.#waitMs(now);
    if (waitMs > 0) {
      // One millisecond more: a timer may fire a fraction early.
      this.#timer = setTimeout(() => this.#check(), waitMs + 1);
      return;
    }
    this.over();
    this.#options.onAbandoned();
  }

  /** How long until it is to be looked at again; 0 or less when it is abandoned. */
  #waitMs(now: number): number {
    const { onDisconnect, resumeWindowMs, elsewhereMs } = this.#options;
    for (const [gateway, saidAtMs] of this.#elsewhere) {
      if (now - saidAtMs < elsewhereMs) return elsewhereMs - (now - saidAtMs);
      this.#elsewhere.delete(gateway);
      this.#vacantSinceMs = Math.max(this.#vacantSinceMs, saidAtMs);
    }
    const windowMs = onDisconnect === 'resume' ? resumeWindowMs : 0;
    return this.#vacantSinceMs + windowMs - now;
  }
}
