import type { RunEnd, RunEvent, SwitchboardError } from '@switchboard/contract';

export type Started = Extract<RunEvent, { type: 'started' }>;
export type Completed = Extract<RunEvent, { type: 'completed' }>;

/** One way to give an answer to the client: as a stream, or as one object. */
export interface Answer {
  /** A worker has taken the run; again when another one has to begin anew. */
  started(event: Started): void;
  /** Part of the answer. @throws SwitchboardError when the answer is not usable. */
  take(event: RunEvent): void;
  /** Whether the client has to catch up before more is taken. */
  readonly blocked: boolean;
  /** Resolves when it has, or when `signal` aborts. */
  drained(signal: AbortSignal): Promise<void>;
  complete(end: Completed): void;
  /** There is no whole answer. `end`: the run's own end, when it was that. */
  fail(error: SwitchboardError, end?: RunEnd): void;
  /** Stops its timers. Idempotent. */
  dispose(): void;
}
