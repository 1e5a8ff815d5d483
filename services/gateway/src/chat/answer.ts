import type { RunEvent, SwitchboardError } from '@switchboard/contract';

export type Completed = Extract<RunEvent, { type: 'completed' }>;

/** One way to give an answer to the client: as a stream, or as one object. */
export interface Answer {
  /** A worker has taken the run. */
  started(): void;
  /** Part of the answer. @throws SwitchboardError when the answer is not usable. */
  take(event: RunEvent): void;
  /** Whether the client has to catch up before more is taken. */
  readonly blocked: boolean;
  /** Resolves when it has, or when `signal` aborts. */
  drained(signal: AbortSignal): Promise<void>;
  complete(end: Completed): void;
  fail(error: SwitchboardError): void;
  /** Stops its timers. Idempotent. */
  dispose(): void;
}
