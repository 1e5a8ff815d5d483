import { branded, isBranded } from './brand.ts';

/**
 * - `agent_failed`: HTTP 502, and callers' SDKs do not send the request again.
 * - `agent_unavailable`: HTTP 503, they do: nothing has happened that must not happen twice.
 * - `invalid_request`: HTTP 400, the caller must send something else.
 */
export type AgentErrorCode = 'agent_failed' | 'agent_unavailable' | 'invalid_request';

export interface AgentErrorDetails {
  /** Default `agent_failed`. */
  readonly code?: AgentErrorCode | undefined;
  /** The field of the request at fault: `messages[0].content`. */
  readonly param?: string | undefined;
  /** When to try again, in seconds from now. */
  readonly retryAfter?: number | undefined;
  /** For the worker's log only. */
  readonly cause?: unknown;
}

/**
 * A failure whose message the caller may read. What else an agent throws ends its run as
 * `agent_failed` too, but the caller is told nothing more.
 */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;
  readonly param: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(message: string, details: AgentErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = details.code ?? 'agent_failed';
    this.param = details.param;
    this.retryAfter = details.retryAfter;
    branded('agent-error', this);
  }
}

/**
 * A failure of a tool whose message the model may read, to call again or to do without. What else
 * a tool throws, the model is told without its message.
 */
export class ToolError extends Error {
  override readonly name = 'ToolError';

  constructor(message: string, details: { readonly cause?: unknown } = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    branded('tool-error', this);
  }
}

/** Also one of another copy of this package. */
export function isAgentError(thrown: unknown): thrown is AgentError {
  return isBranded('agent-error', thrown);
}

/** Also one of another copy of this package. */
export function isToolError(thrown: unknown): thrown is ToolError {
  return isBranded('tool-error', thrown);
}
