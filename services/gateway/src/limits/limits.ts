/** The limits of callers on requests and tokens, over all gateways. */
import { SwitchboardError } from '@switchboard/contract';
import type { LimitedCaller, WindowCounters } from './caller-limits.ts';
import type { Charge } from './charge.ts';
import { DayBudget } from './day-budget.ts';
import { Grant } from './grant.ts';
import { LimitError, neverFits } from './limit-error.ts';
import { MinuteLimit } from './minute-limit.ts';

export interface LimitsOptions {
  readonly minutes: WindowCounters;
  readonly days: WindowCounters;
  /** The wall clock, epoch milliseconds. */
  readonly now?: (() => number) | undefined;
}

export class Limits {
  readonly #minutes: MinuteLimit;
  readonly #days: DayBudget;

  constructor({ minutes, days, now }: LimitsOptions) {
    this.#minutes = new MinuteLimit(minutes, now);
    this.#days = new DayBudget(days, now);
  }

  /**
   * Counts a request of `tokens` (an estimate: prompt and longest answer) for each of `callers`,
   * such as a key and the user it acts for. All of them let it in, or it counts for none. Who has
   * no limits costs no call; others one for the minute and one for the day, at once.
   * @throws LimitError `rate_limit_exceeded`, `insufficient_quota`, `request_over_limit`
   * @throws SwitchboardError `queue_unavailable`: the counters cannot be reached, nor can the queue
   */
  async take(
    callers: readonly LimitedCaller[],
    tokens: number,
    signal: AbortSignal,
  ): Promise<Grant> {
    signal.throwIfAborted();
    const whole = Math.min(Math.max(0, Math.ceil(tokens)), Number.MAX_SAFE_INTEGER);
    for (const caller of callers) refuseWhatNeverFits(caller, whole);
    const takings = callers.flatMap((caller) => this.#takings(caller, whole));
    const results = await Promise.allSettled(takings);
    const grant = new Grant(
      results.filter((result) => result.status === 'fulfilled').map(({ value }) => value),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    if (refused.length === 0 && !signal.aborted) return grant;
    void grant.refund();
    signal.throwIfAborted();
    throw gravest(refused.map(({ reason }) => reason as unknown));
  }

  #takings(caller: LimitedCaller, tokens: number): Promise<Charge>[] {
    const { requestsPerMinute, tokensPerMinute, tokensPerDay } = caller.limits;
    const takings: Promise<Charge>[] = [];
    if (requestsPerMinute !== undefined || tokensPerMinute !== undefined) {
      takings.push(this.#minutes.take(caller, tokens));
    }
    if (tokensPerDay !== undefined) takings.push(this.#days.take(caller, tokens));
    return takings;
  }
}

function refuseWhatNeverFits({ limits }: LimitedCaller, tokens: number): void {
  const { requestsPerMinute, tokensPerMinute, tokensPerDay } = limits;
  if (requestsPerMinute !== undefined && requestsPerMinute < 1) {
    throw neverFits('requests', 'minute', { limit: requestsPerMinute, requested: 1 });
  }
  if (tokensPerMinute !== undefined && tokens > tokensPerMinute) {
    throw neverFits('tokens', 'minute', { limit: tokensPerMinute, requested: tokens });
  }
  if (tokensPerDay !== undefined && tokens > tokensPerDay) {
    throw neverFits('tokens', 'day', { limit: tokensPerDay, requested: tokens });
  }
}

/** What is no refusal by a limit goes first, then the limit that takes the longest to pass. */
function gravest(reasons: readonly unknown[]): unknown {
  const waitMs = (reason: unknown): number =>
    reason instanceof LimitError ? (reason.retryAfterMs ?? 0) : Infinity;
  const [first] = reasons.toSorted((one, other) => waitMs(other) - waitMs(one));
  return first ?? new SwitchboardError('internal_error', 'Nothing refused the request.');
}
