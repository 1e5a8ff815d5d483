export interface RunnerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What the run's log knows of the agent's own tools. */
export interface CallLog {
  /**
   * Resolves when every event that the run has shown is stored, where a later attempt finds it.
   * Rejects when the run is stopped.
   */
  stored(): Promise<void>;
  /**
   * The calls that attempts before this one had begun, by their id; one without `output` was lost
   * with its worker. Rejects when that cannot be told.
   */
  earlierCalls(): Promise<ReadonlyMap<string, { output?: string; failed?: boolean }>>;
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
  /** Left out where runs are not kept: then every call of a tool is the first of its id. */
  readonly calls?: CallLog;
  /**
   * Takes what goes on although the run is over and it was told to stop: it is counted until it
   * settles, and a worker with too much of it is replaced. Left out: nobody counts.
   */
  readonly abandon?: (part: Promise<unknown>) => void;
}
