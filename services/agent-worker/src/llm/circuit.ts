import {
  CircuitState,
  ConsecutiveBreaker,
  CountBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import type { IBreaker } from 'cockatiel';
import { ProviderFailure } from '../runner/provider-failure.ts';

/** So many failures one after the other open it... */
const FAILURES_IN_A_ROW = 5;
/** ...and so does this share of the last calls. */
const FAILURE_SHARE = 0.5;
const LAST_CALLS = 20;
/** How long it stays open. */
export const OPEN_MS = 10_000;
/** When to come back while somebody else tries whether the provider has recovered. */
const PROBE_MS = 1_000;

/**
 * - `closed`: calls go through.
 * - `open`: the provider is ill, and is left alone.
 * - `half_open`: one call tries whether it has recovered.
 */
export type CircuitName = 'closed' | 'open' | 'half_open';

/** What a call that was let through says of its provider. Only the first word counts. */
export interface Trial {
  /** An answer has begun: enough to know that a provider has recovered. */
  begun(): void;
  /** The answer is whole. */
  succeeded(): void;
  /** The provider is ill. */
  failed(): void;
  /** The provider is there, and refused what it was asked. */
  refused(): void;
  /** The call was given up for reasons of our own: it says nothing. */
  left(): void;
}

export interface CircuitOptions {
  readonly onChange: (state: CircuitName) => void;
  /** A clock that nobody sets; milliseconds. */
  readonly nowMs?: (() => number) | undefined;
}

/** Keeps calls away from a provider that fails all the time: they would only wait for nothing. */
export class Circuit {
  readonly #policy = circuitBreaker(
    handleWhen((error) => error instanceof Ill),
    // The time is kept here, by a clock that nobody sets: for the library it is always over.
    { halfOpenAfter: Number.NEGATIVE_INFINITY, breaker: new EitherBreaker() },
  );
  readonly #nowMs: () => number;
  #openUntilMs = 0;

  constructor({ onChange, nowMs = () => performance.now() }: CircuitOptions) {
    this.#nowMs = nowMs;
    this.#policy.onBreak((reason) => {
      const isLost = 'error' in reason && reason.error instanceof ProbeLost;
      this.#openUntilMs = nowMs() + (isLost ? 0 : OPEN_MS);
    });
    this.#policy.onStateChange(() => onChange(this.state));
  }

  get state(): CircuitName {
    switch (this.#policy.state) {
      case CircuitState.Open:
      case CircuitState.Isolated:
        return 'open';
      case CircuitState.HalfOpen:
        return 'half_open';
      case CircuitState.Closed:
        break;
    }
    return 'closed';
  }

  /** @throws ProviderFailure `provider_unavailable` while no call is let through */
  check(): void {
    const { state } = this;
    if (state === 'closed') return;
    const leftMs = state === 'open' ? this.#openUntilMs - this.#nowMs() : PROBE_MS;
    if (leftMs > 0) throw unavailable(leftMs);
  }

  /** Lets a call through. @throws ProviderFailure as {@link check} does */
  enter(): Trial {
    this.check();
    const isProbe = this.state === 'open';
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // What the call says is all that comes back; nobody else waits for it.
    void this.#policy.execute(() => promise).catch(() => {});
    return {
      begun: () => {
        if (isProbe) resolve();
      },
      succeeded: resolve,
      failed: () => reject(new Ill()),
      // Neither for nor against it; of a provider that had been ill it is good news.
      refused: () => reject(new Error('refused')),
      left: () => reject(isProbe ? new ProbeLost() : new Error('left')),
    };
  }
}

class Ill extends Error {}

/** The call that was to show whether the provider has recovered was given up: the next one is. */
class ProbeLost extends Ill {}

/** Opens on failures in a row, and on too many among the last calls. */
class EitherBreaker implements IBreaker {
  readonly state = undefined;
  readonly #row = new ConsecutiveBreaker(FAILURES_IN_A_ROW);
  readonly #share = new CountBreaker({ threshold: FAILURE_SHARE, size: LAST_CALLS });

  success(state: CircuitState): void {
    this.#row.success();
    this.#share.success(state);
  }

  failure(state: CircuitState): boolean {
    const byRow = this.#row.failure();
    return this.#share.failure(state) || byRow;
  }
}

function unavailable(leftMs: number): ProviderFailure {
  const message = 'The model has failed too often lately: it is left alone for a while.';
  const retryAfterMs = Math.ceil(leftMs);
  return new ProviderFailure('provider_unavailable', message, { retryable: false, retryAfterMs });
}
