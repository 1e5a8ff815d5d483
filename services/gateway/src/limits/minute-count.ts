/**
 * Requests and tokens of one caller and minute, in one number: so both are counted by one message,
 * and a request gets into both or into neither. Tokens stand above 20 binary digits of requests,
 * and both together stay below 2^53, where numbers are exact.
 */

export interface Usage {
  readonly requests: number;
  readonly tokens: number;
}

const REQUESTS_RANGE = 2 ** 20;

/** Highest limits that can be kept; a higher one counts as these. */
export const MINUTE_REQUESTS_MAX = 500_000;
export const MINUTE_TOKENS_MAX = 2 ** 32 - 1;

export const toCount = ({ requests, tokens }: Usage): number => tokens * REQUESTS_RANGE + requests;

/**
 * Requests may be below 0: when counters were lost, what is given back was never there.
 */
export function fromCount(count: number): Usage {
  const tokens = Math.floor(count / REQUESTS_RANGE + 0.5);
  return { requests: count - tokens * REQUESTS_RANGE, tokens };
}
