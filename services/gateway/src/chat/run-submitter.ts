/** What the chat route needs of the transport; its RunClient fits. */
import type { AgentProfile, ChatRequest, RunEvent } from '@switchboard/contract';

export interface Submission {
  readonly requestId: string;
  /** Identity for fairness; hashed before it leaves the process. */
  readonly user: string;
  readonly profile: AgentProfile;
  /** What a wildcard profile matched, without its prefix. */
  readonly model?: string;
  readonly stream: boolean;
  readonly chat: ChatRequest;
}

export type CancelReason = 'client_gone' | 'requested' | 'deadline' | 'shutdown';

/** One accepted run. */
export interface Run {
  readonly run: string;
  /** `Date.now()` when the queue took it. */
  readonly acceptedAtMs: number;
  /** In order, each once; the last one is the end of the run. */
  events(signal?: AbortSignal): AsyncIterable<RunEvent>;
  /** Idempotent; never throws. */
  cancel(reason: CancelReason): Promise<void>;
}

export interface RunSubmitter {
  /** @throws SwitchboardError when the queue refuses it. */
  submit(submission: Submission, signal: AbortSignal): Promise<Run>;
}
