/**
 * Tokens of a UTC day, exact over all gateways: counted first, and the total that comes back
 * decides, as in the sliding minute. It begins anew with the day.
 */
import { SwitchboardError } from '@switchboard/contract';
import type { LimitedCaller, WindowCounters } from './caller-limits.ts';
import type { Charge } from './charge.ts';
import { dayExceeded } from './limit-error.ts';

const DAY_MS = 86_400_000;
/** Rounds for a request that is counted just as the day ends. */
const TRIES_MAX = 3;

const dayOf = (nowMs: number): number => Math.floor(nowMs / DAY_MS);

export class DayBudget {
  readonly #counters: WindowCounters;
  readonly #now: () => number;

  /** `now`: the wall clock, epoch milliseconds. */
  constructor(counters: WindowCounters, now: () => number = Date.now) {
    this.#counters = counters;
    this.#now = now;
  }

  /**
   * @throws LimitError `insufficient_quota`
   * @throws SwitchboardError `queue_unavailable`
   */
  async take({ identity, limits }: LimitedCaller, tokens: number): Promise<Charge> {
    const limit = limits.tokensPerDay ?? Infinity;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const day = dayOf(this.#now());
      const total = await this.#counters.add(identity, day, tokens);
      const nowMs = this.#now();
      if (dayOf(nowMs) === day && total <= limit) {
        return this.#charge(identity, day, tokens, { limit, used: total, nowMs });
      }
      void this.#counters.correct(identity, day, -tokens);
      if (dayOf(nowMs) !== day) continue;
      const resetMs = (day + 1) * DAY_MS - nowMs;
      const used = total - tokens;
      const remaining = Math.max(0, limit - used);
      const overrun = { kind: 'tokens', limit, used, requested: tokens } as const;
      throw dayExceeded({ ...overrun, retryAfterMs: resetMs }, new Date((day + 1) * DAY_MS), {
        tokens: { limit, remaining, resetMs },
      });
    }
    throw new SwitchboardError('queue_unavailable', 'The clock of this gateway runs too fast.');
  }

  #charge(
    identity: string,
    day: number,
    tokens: number,
    {
      limit,
      used,
      nowMs,
    }: { readonly limit: number; readonly used: number; readonly nowMs: number },
  ): Charge {
    const resetMs = (day + 1) * DAY_MS - nowMs;
    return {
      standing: { tokens: { limit, remaining: Math.max(0, limit - used), resetMs } },
      refund: async () => {
        if (dayOf(this.#now()) === day) await this.#counters.correct(identity, day, -tokens);
      },
      settle: async (actualTokens) => {
        const off = actualTokens - tokens;
        const today = dayOf(this.#now());
        // What was not needed yesterday gives nothing back today.
        if (off > 0) await this.#counters.correct(identity, today, off);
        else if (off < 0 && today === day) await this.#counters.correct(identity, day, off);
      },
    };
  }
}
