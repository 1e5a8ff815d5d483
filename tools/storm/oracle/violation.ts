/** A broken promise, with what shows it. */
export interface Violation {
  readonly promise: string;
  /** When, epoch milliseconds; undefined for what holds of the whole storm. */
  readonly atMs?: number | undefined;
  readonly run?: string | undefined;
  readonly request?: string | undefined;
  readonly evidence: string;
}

export interface Interval {
  readonly fromMs: number;
  readonly untilMs: number;
}
