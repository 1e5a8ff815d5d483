/**
 * Requests and tokens of a sliding minute, exact over all gateways: a request is counted first, and
 * the total that comes back decides; who is refused is taken out of it again. At each moment the
 * total holds everybody who is in, so no more get in than fit.
 *
 * - M1 nobody gets in with whom the last 60 s hold more than the limit.
 * - M2 what was counted in a minute is known before that minute is anybody's previous one: who is
 *   counted so late that it is over is taken out, and counted in the next.
 * - M3 nobody is refused for what was given back more than a second ago.
 */
import { SwitchboardError } from '@switchboard/contract';
import type { CallerLimits, LimitedCaller, WindowCounters } from './caller-limits.ts';
import type { Charge } from './charge.ts';
import type { LimitError, Overrun } from './limit-error.ts';
import { minuteExceeded } from './limit-error.ts';
import { fromCount, MINUTE_REQUESTS_MAX, MINUTE_TOKENS_MAX, toCount } from './minute-count.ts';
import type { Usage } from './minute-count.ts';
import { PreviousMinutes } from './previous-minutes.ts';
import { emptyInMs, isWithin, MINUTE_MS, minuteOf, roomInMs, usedIn } from './sliding-minute.ts';
import type { Minute } from './sliding-minute.ts';
import type { LimitStanding, Standing } from './standing.ts';

type Kind = keyof Usage;
const KINDS = ['requests', 'tokens'] as const;

/** Counted, and looked at: two totals at one moment. */
interface Counted {
  readonly window: number;
  readonly countedAtMs: number;
  readonly previous: Usage;
  /** With this request. */
  readonly current: Usage;
}

/** Rounds for a request that is counted just as its minute ends. */
const TRIES_MAX = 3;
const FRESH_MS = 1_000;

export class MinuteLimit {
  readonly #counters: WindowCounters;
  readonly #now: () => number;
  readonly #previous: PreviousMinutes;

  /** `now`: the wall clock, epoch milliseconds. */
  constructor(counters: WindowCounters, now: () => number = Date.now) {
    this.#counters = counters;
    this.#now = now;
    this.#previous = new PreviousMinutes(counters);
  }

  /**
   * @throws LimitError `rate_limit_exceeded`
   * @throws SwitchboardError `queue_unavailable`
   */
  async take({ identity, limits }: LimitedCaller, tokens: number): Promise<Charge> {
    const most = mostOf(limits);
    const amount = {
      requests: most.requests === undefined ? 0 : 1,
      tokens: most.tokens === undefined ? 0 : Math.min(tokens, MINUTE_TOKENS_MAX),
    };
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let counted = await this.#count(identity, amount);
      if (overruns(counted, amount, most).length > 0) {
        counted = await this.#lookAgain(identity, amount, counted);
      }
      if (minuteOf(this.#now()) !== counted.window) {
        void this.#counters.correct(identity, counted.window, -toCount(amount)); // M2
        continue;
      }
      const over = overruns(counted, amount, most);
      const standing = standingOf(counted, amount, most, over.length > 0);
      if (over.length === 0) return this.#charge(identity, counted.window, amount, standing);
      void this.#counters.correct(identity, counted.window, -toCount(amount));
      throw refusal(over, standing);
    }
    throw new SwitchboardError('queue_unavailable', 'The clock of this gateway runs too fast.');
  }

  async #count(identity: string, amount: Usage): Promise<Counted> {
    const countedAtMs = this.#now();
    const window = minuteOf(countedAtMs);
    const previous = this.#previous.get(identity, window, countedAtMs);
    const total = await this.#counters.add(identity, window, toCount(amount));
    return {
      window,
      countedAtMs,
      previous: fromCount(await this.#orUndo(previous, identity, window, amount)),
      current: fromCount(total),
    };
  }

  /** M3 */
  async #lookAgain(identity: string, amount: Usage, counted: Counted): Promise<Counted> {
    const { countedAtMs, window } = counted;
    const fresh = this.#previous.get(identity, window, countedAtMs, FRESH_MS);
    const previous = fromCount(await this.#orUndo(fresh, identity, window, amount));
    return { ...counted, previous };
  }

  async #orUndo<T>(
    answer: Promise<T>,
    identity: string,
    window: number,
    amount: Usage,
  ): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      void this.#counters.correct(identity, window, -toCount(amount));
      throw error;
    }
  }

  #charge(identity: string, window: number, amount: Usage, standing: Standing): Charge {
    const correct = async (inWindow: number, usage: Usage): Promise<void> => {
      // What is older than the minute before counts for nothing any more.
      if (inWindow < minuteOf(this.#now()) - 1) return;
      await this.#counters.correct(identity, inWindow, toCount(usage));
    };
    return {
      standing,
      refund: () => correct(window, { requests: -amount.requests, tokens: -amount.tokens }),
      settle: async (actualTokens) => {
        if (standing.tokens === undefined) return;
        const tokens = Math.min(actualTokens, MINUTE_TOKENS_MAX) - amount.tokens;
        // What was not needed was never used; what came on top was used by now.
        const inWindow = tokens > 0 ? minuteOf(this.#now()) : window;
        if (tokens !== 0) await correct(inWindow, { requests: 0, tokens });
      },
    };
  }
}

type Most = Readonly<Partial<Record<Kind, number>>>;

function mostOf({ requestsPerMinute, tokensPerMinute }: CallerLimits): Most {
  return {
    ...(requestsPerMinute !== undefined && {
      requests: Math.min(requestsPerMinute, MINUTE_REQUESTS_MAX),
    }),
    ...(tokensPerMinute !== undefined && { tokens: Math.min(tokensPerMinute, MINUTE_TOKENS_MAX) }),
  };
}

const minuteFor = ({ previous, current, countedAtMs }: Counted, kind: Kind): Minute => ({
  previous: previous[kind],
  current: current[kind],
  elapsedMs: countedAtMs % MINUTE_MS,
});

/** M1. The moment before it was counted decides: the estimate only falls while a minute goes on. */
function overruns(counted: Counted, amount: Usage, most: Most): Overrun[] {
  const found: Overrun[] = [];
  for (const kind of KINDS) {
    const limit = most[kind];
    const minute = minuteFor(counted, kind);
    if (limit === undefined || isWithin(minute, limit)) continue;
    const others = { ...minute, current: othersIn(minute.current - amount[kind], kind, limit) };
    found.push({
      kind,
      limit,
      used: usedIn(others),
      requested: amount[kind],
      retryAfterMs: roomInMs(others, amount[kind], limit),
    });
  }
  return found;
}

/**
 * No more requests than the limit are let in: what is above it is about to be taken back, and must
 * not make anybody wait. Tokens may be above it, when runs used more than was estimated.
 */
function othersIn(counted: number, kind: Kind, limit: number): number {
  return kind === 'requests' ? Math.min(counted, limit) : counted;
}

function standingOf(counted: Counted, amount: Usage, most: Most, isRefused: boolean): Standing {
  const one = (kind: Kind): LimitStanding | undefined => {
    const limit = most[kind];
    if (limit === undefined) return undefined;
    const minute = minuteFor(counted, kind);
    const current = isRefused ? minute.current - amount[kind] : minute.current;
    const now = { ...minute, current };
    return { limit, remaining: Math.max(0, limit - usedIn(now)), resetMs: emptyInMs(now) };
  };
  return { requests: one('requests'), tokens: one('tokens') };
}

/** The one that takes the longest to pass. */
function refusal(over: readonly Overrun[], standing: Standing): LimitError {
  const [longest] = over.toSorted((one, other) => other.retryAfterMs - one.retryAfterMs);
  if (longest === undefined) throw new TypeError('nothing is over a limit');
  return minuteExceeded(longest, standing);
}
