/** What a gateway wants run, and the message that it becomes. */
import {
  type AgentProfile,
  type ChatRequest,
  ENVELOPE_BYTES,
  type OnDisconnect,
  type RunRequest,
  SwitchboardError,
} from '@switchboard/contract';

export interface Submission {
  /** From `RunClient.newRunId`; one is made when it is left out. */
  readonly run?: string | undefined;
  readonly requestId: string;
  /** Identity for fairness; hashed before it leaves the process. */
  readonly user: string;
  readonly profile: AgentProfile;
  /** What followed the prefix of a wildcard profile. */
  readonly model?: string | undefined;
  readonly stream: boolean;
  readonly chat: ChatRequest;
  /** Key of the stored input, when `chat` is too large for a message and has no messages here. */
  readonly input?: string | undefined;
  /** What becomes of the run when nobody reads it any more. Default `cancel`. */
  readonly onDisconnect?: OnDisconnect | undefined;
  /** How long `resume` waits for a reader to come back, milliseconds. Default 0. */
  readonly resumeWindowMs?: number | undefined;
}

/** @throws SwitchboardError `body_too_large` when no message of `maxPayload` bytes can carry it */
export function encodeRequest(run: string, submission: Submission, maxPayload: number): Uint8Array {
  const { requestId, profile, model, stream, chat, input } = submission;
  const { onDisconnect = 'cancel', resumeWindowMs = 0 } = submission;
  const request: RunRequest = {
    v: 1,
    run,
    requestId,
    agent: profile.name,
    ...(model === undefined ? {} : { model }),
    stream,
    chat,
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
