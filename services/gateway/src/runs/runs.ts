/** What the routes need of the transport; its RunClient fits. */
import type {
  AgentProfile,
  ChatRequest,
  OnDisconnect,
  Priority,
  RunEvent,
} from '@switchboard/contract';
import type { RunOutcome } from '../entrance/pass.ts';

export interface Submission {
  /** From {@link Runs.newRunId}; one is made when it is left out. */
  readonly run?: string;
  readonly requestId: string;
  /** Identity for fairness; hashed before it leaves the process. */
  readonly user: string;
  readonly profile: AgentProfile;
  /** What a wildcard profile matched, without its prefix. */
  readonly model?: string;
  readonly stream: boolean;
  readonly chat: ChatRequest;
  /** Key of the stored input, when `chat` is too large for a message and has no messages here. */
  readonly input?: string;
  /** What becomes of a conversation that is too long; undefined: as the agent has it. */
  readonly truncation?: 'auto' | 'disabled' | undefined;
  readonly onDisconnect: OnDisconnect;
  readonly resumeWindowMs: number;
  /** Within which the whole answer must be there, milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly priority: Priority;
  /** Most requests of this user, queued and running; undefined: as the transport is set up. */
  readonly maxOutstanding?: number | undefined;
  /** The identity that the user belongs to; undefined: it is one by itself. */
  readonly account?: string | undefined;
  /** Most requests of all users of the account together. */
  readonly accountMost?: number | undefined;
  /** Told once when the run has ended; of a run that is not accepted, never. */
  readonly onEnd?: (outcome: RunOutcome) => void;
}

export type CancelReason = 'client_gone' | 'requested' | 'deadline' | 'shutdown';

/** One reader of a run. */
export interface Follower {
  readonly run: string;
  /** In order from the first, each once; the last one is the end of the run. */
  events(signal?: AbortSignal): AsyncIterable<RunEvent>;
  /** This reader leaves: what becomes of the run is for its `onDisconnect` to say. Idempotent. */
  close(): void;
  /** Reads it no longer, without leaving: the reader may come back elsewhere. Idempotent. */
  detach(): void;
}

/** One accepted run, held by this gateway. */
export interface Run extends Follower {
  /** `Date.now()` when the queue took it. */
  readonly acceptedAtMs: number;
  /** `reason`: why the run is cancelled, if this leaves it without a reader. */
  close(reason?: CancelReason): void;
  /** Whoever reads it. Idempotent; never throws. */
  cancel(reason: CancelReason): Promise<void>;
}

export interface Runs {
  newRunId(): string;
  /** @throws SwitchboardError when the queue refuses it. */
  submit(submission: Submission, signal: AbortSignal): Promise<Run>;
  /** Any run of any gateway, live or ended. One that nobody knows has no events. */
  follow(run: string): Promise<Follower>;
  /** Ends a run of any gateway. Idempotent. @throws SwitchboardError `queue_unavailable` */
  cancelRun(run: string, reason: CancelReason): Promise<void>;
  /** What its log holds now, in order. @throws SwitchboardError `queue_unavailable` */
  readLogged(run: string): Promise<readonly RunEvent[]>;
}
