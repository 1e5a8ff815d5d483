export interface UntilOptions {
  /** What is waited for, as it stands after "waiting for": `a free slot`. */
  readonly what?: string;
  /** Default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Pause between two looks; default 5 ms. */
  readonly intervalMs?: number;
}

/**
 * Looks again and again until `condition` gives something truthy, and returns that. Rejects when
 * the time is over, also if a look hangs; a condition that throws rejects at once.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const { what = 'a condition', timeoutMs = 10_000, intervalMs = 5 } = options;
  const timeout = { ...Promise.withResolvers<never>(), over: false };
  const timer = setTimeout(() => {
    timeout.over = true;
    timeout.reject(new Error(`${timeoutMs} ms are over, still waiting for ${what}`));
  }, timeoutMs);
  const look = async () => {
    while (!timeout.over) {
      const result = await condition();
      if (isTruthy(result)) return result;
      await new Promise((resolve) => {
        setTimeout(resolve, intervalMs);
      });
    }
    return timeout.promise;
  };
  try {
    return await Promise.race([look(), timeout.promise]);
  } finally {
    timeout.over = true;
    clearTimeout(timer);
  }
}

function isTruthy<T>(value: T): value is Exclude<T, false | 0 | '' | null | undefined> {
  return Boolean(value);
}
