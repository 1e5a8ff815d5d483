import { SwitchboardError } from '@switchboard/contract';
import type { ErrorCode } from '@switchboard/contract';
import type { Standing } from './standing.ts';
import { durationText } from './standing.ts';

export interface Overrun {
  readonly kind: 'requests' | 'tokens';
  readonly limit: number;
  /** Without the request that is refused. */
  readonly used: number;
  readonly requested: number;
  /** When it will fit. */
  readonly retryAfterMs: number;
}

/** A refusal by a limit, with where the caller stands: for the headers of the answer. */
export class LimitError extends SwitchboardError {
  readonly standing: Standing;

  constructor(
    code: ErrorCode,
    message: string,
    details: { limit: 'requests' | 'tokens'; retryAfterMs?: number; standing?: Standing },
  ) {
    super(code, message, details);
    this.name = 'LimitError';
    this.standing = details.standing ?? {};
  }
}

export function minuteExceeded(overrun: Overrun, standing: Standing): LimitError {
  const { kind, limit, used, requested, retryAfterMs } = overrun;
  return new LimitError(
    'rate_limit_exceeded',
    `Your limit of ${limit} ${kind} per minute is reached: ${used} used, ${requested} requested. ` +
      `Try again in ${durationText(retryAfterMs)}.`,
    { limit: kind, retryAfterMs, standing },
  );
}

export function dayExceeded(overrun: Overrun, resetsAt: Date, standing: Standing): LimitError {
  const { limit, used, requested, retryAfterMs } = overrun;
  return new LimitError(
    'insufficient_quota',
    `Your ${limit} tokens of this day are not enough: ${used} used, ${requested} requested. ` +
      `The next day begins at ${resetsAt.toISOString()}, in ${durationText(retryAfterMs)}.`,
    { limit: 'tokens', retryAfterMs, standing },
  );
}

export function neverFits(
  kind: 'requests' | 'tokens',
  span: 'minute' | 'day',
  { limit, requested }: { readonly limit: number; readonly requested: number },
): LimitError {
  return new LimitError(
    'request_over_limit',
    `The request needs ${requested} ${kind}, and your limit is ${limit} per ${span}: ` +
      'it can never fit. Send a smaller one.',
    { limit: kind },
  );
}
