import { SwitchboardError } from '@switchboard/contract';
import type { Usage } from '@switchboard/contract';
import type { Grant } from '../limits/grant.ts';

/** How the run went that a pass has let in. */
export interface RunOutcome {
  /** Whether a worker ever took it. */
  readonly started: boolean;
  /** As the provider reported it; undefined: it did not. */
  readonly usage: Usage | undefined;
}

/** One request that was let in, until it is queued and has ended. */
export class Pass {
  readonly #grant: Grant;
  readonly #placeInMs: () => number | undefined;

  constructor(grant: Grant, placeInMs: () => number | undefined) {
    this.#grant = grant;
    this.#placeInMs = placeInMs;
  }

  /** It was refused after all: nothing counts. @returns what the caller is told. */
  refused(error: unknown): unknown {
    void this.#grant.refund();
    if (!(error instanceof SwitchboardError) || error.code !== 'queue_full') return error;
    const retryAfterMs = this.#placeInMs();
    if (retryAfterMs === undefined) return error;
    return new SwitchboardError(error.code, error.message, { retryAfterMs, cause: error });
  }

  /** Its run has ended. */
  ended({ started, usage }: RunOutcome): void {
    if (usage !== undefined) void this.#grant.settle(usage.total_tokens);
    // What broke off has cost something that nobody told: the estimate stands.
    else if (!started) void this.#grant.settle(0);
  }
}
