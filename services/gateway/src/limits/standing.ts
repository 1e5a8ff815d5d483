/** Where a caller stands with its limits, and how OpenAI's headers say it. */

export interface LimitStanding {
  readonly limit: number;
  /** At least 0. */
  readonly remaining: number;
  /** When all of the limit is free again, if nothing more is used; milliseconds from now. */
  readonly resetMs: number;
}

export interface Standing {
  readonly requests?: LimitStanding | undefined;
  readonly tokens?: LimitStanding | undefined;
}

/** Of several limits of one kind that hold at once, the one that is hit first. */
export function tightest(standings: readonly Standing[]): Standing {
  const pick = (kind: keyof Standing): LimitStanding | undefined => {
    const known = standings.map((standing) => standing[kind]).filter((one) => one !== undefined);
    return known.toSorted((one, other) => one.remaining - other.remaining)[0];
  };
  return { requests: pick('requests'), tokens: pick('tokens') };
}

/** `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; nothing of what has no limit. */
export function rateLimitHeaders(standing: Standing): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const kind of ['requests', 'tokens'] as const) {
    const one = standing[kind];
    if (one === undefined) continue;
    headers[`x-ratelimit-limit-${kind}`] = String(one.limit);
    headers[`x-ratelimit-remaining-${kind}`] = String(one.remaining);
    headers[`x-ratelimit-reset-${kind}`] = durationText(one.resetMs);
  }
  return headers;
}

/** As OpenAI writes it: `0s`, `20ms`, `1.5s`, `6m0s`, `7h12m0s`. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole > 0 && whole < 1_000) return `${whole}ms`;
  if (whole < 60_000) return `${whole / 1_000}s`;
  const seconds = Math.ceil(whole / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const rest = `${minutes % 60}m${seconds % 60}s`;
  return hours > 0 ? `${hours}h${rest}` : rest;
}
