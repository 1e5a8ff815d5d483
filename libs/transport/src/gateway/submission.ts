/** What a gateway wants run, and the message that it becomes. */
import {
  type AgentProfile,
  type ChatRequest,
  ENVELOPE_BYTES,
  type OnDisconnect,
  type Priority,
  type RunRequest,
  SwitchboardError,
} from '@switchboard/contract';
import type { RunOutcome } from './run.ts';

export interface Submission {
  /** From `RunClient.newRunId`; one is made when it is left out. */
  readonly run?: string | undefined;
  readonly requestId: string;
  /** Identity for fairness; hashed before it leaves the process. */
  readonly user: string;
  /** Whose own bound is for all users that it acts for; default: the user itself. */
  readonly account?: string | undefined;
  /** Most requests of the account together; default: each user for itself. */
  readonly accountMost?: number | undefined;
  /** Its share of the slots. Default `normal`. */
  readonly priority?: Priority | undefined;
  /**
   * Most requests of this identity in the pool, queued and running; default: what the client has
   * for everybody.
   */
  readonly maxOutstanding?: number | undefined;
  readonly profile: AgentProfile;
  /** What followed the prefix of a wildcard profile. */
  readonly model?: string | undefined;
  readonly stream: boolean;
  readonly chat: ChatRequest;
  /** Key of the stored input, when `chat` is too large for a message and has no messages here. */
  readonly input?: string | undefined;
  /** What becomes of a conversation that is too long; default: as the agent has it. */
  readonly truncation?: RunRequest['truncation'];
  /** Within which the run must have ended, milliseconds. Default: whenever it does. */
  readonly deadlineMs?: number | undefined;
  /** Told once when the run has ended; never of one that was refused. */
  readonly onEnd?: ((outcome: RunOutcome) => void) | undefined;
  /** What becomes of the run when nobody reads it any more. Default `cancel`. */
  readonly onDisconnect?: OnDisconnect | undefined;
  /** How long `resume` waits for a reader to come back, milliseconds. Default 0. */
  readonly resumeWindowMs?: number | undefined;
}

/** @throws SwitchboardError `body_too_large` when no message of `maxPayload` bytes can carry it */
export function encodeRequest(run: string, submission: Submission, maxPayload: number): Uint8Array {
  const { requestId, profile, model, stream, chat, input, truncation } = submission;
  const { onDisconnect = 'cancel', resumeWindowMs = 0 } = submission;
  const request: RunRequest = {
    v: 1,
    run,
    requestId,
    agent: profile.name,
    ...(model === undefined ? {} : { model }),
    stream,
    chat,
    ...(truncation === undefined ? {} : { truncation }),
    ...(input === undefined ? {} : { input }),
    queueTimeoutMs: Math.round(profile.queue_timeout * 1_000),
    onDisconnect,
    resumeWindowMs: Math.round(resumeWindowMs),
  };
  const data = new TextEncoder().encode(JSON.stringify(request));
  const most = maxPayload - ENVELOPE_BYTES;
  if (data.length > most) {
    throw new SwitchboardError(
      'body_too_large',
      `The request is ${data.length} bytes; the most this system takes is ${most}.`,
    );
  }
  return data;
}
