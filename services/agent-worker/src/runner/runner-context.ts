export interface RunnerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What a run knows of itself besides its request. */
export interface RunnerContext {
  readonly run: string;
  readonly requestId: string;
  /** Which hand-out of the request this is, from 1. */
  readonly attempt: number;
  /** Stops the run at once, in whatever state it is. */
  readonly signal: AbortSignal;
  readonly log: RunnerLog;
}
