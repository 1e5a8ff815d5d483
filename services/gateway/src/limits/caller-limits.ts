/** What somebody may use. What has no limit is left out, and is not counted. */
export interface CallerLimits {
  /** In any 60 s; at most 500,000, a higher one counts as that. */
  readonly requestsPerMinute?: number | undefined;
  /** In any 60 s, prompt and answer; at most 4 x 10^9. */
  readonly tokensPerMinute?: number | undefined;
  /** From 00:00 UTC to 00:00 UTC, prompt and answer. */
  readonly tokensPerDay?: number | undefined;
}

/** Somebody whose use is counted: a key, or a user. */
export interface LimitedCaller {
  /** Whose count it is, over all gateways; hashed before it leaves the process. */
  readonly identity: string;
  readonly limits: CallerLimits;
}

/** Counters of one span; the transport's `Counters`. */
export interface WindowCounters {
  /** @returns the new total. @throws SwitchboardError `queue_unavailable`: it may be counted */
  add(key: string, window: number, amount: number, signal?: AbortSignal): Promise<number>;
  /** @throws SwitchboardError `queue_unavailable` */
  read(key: string, window: number): Promise<number>;
  /** Never rejects. */
  correct(key: string, window: number, amount: number): Promise<void>;
}
