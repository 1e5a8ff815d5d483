/** First wait before a provider is called again, at most. */
export const RETRY_FIRST_MS = 500;
/** Longest wait that we choose. */
export const RETRY_LONGEST_MS = 8_000;
/** Longest wait that a provider may ask for: beyond it the caller is told instead. */
export const RETRY_AFTER_LONGEST_MS = 30_000;

/**
 * How long to wait before the provider is called again, in milliseconds.
 *
 * What the provider asked for, exactly; else exponential backoff with full jitter, so that runs
 * that failed together do not come back together.
 *
 * @param retry 0 before the first retry.
 * @returns undefined when the provider asks for more than {@link RETRY_AFTER_LONGEST_MS}.
 */
export function retryDelayMs(
  retry: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number | undefined {
  if (retryAfterMs === undefined) {
    return random() * Math.min(RETRY_FIRST_MS * 2 ** retry, RETRY_LONGEST_MS);
  }
  return retryAfterMs > RETRY_AFTER_LONGEST_MS ? undefined : retryAfterMs;
}
