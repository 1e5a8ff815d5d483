/**
 * The closed list of error codes. They travel over NATS as data and become HTTP in one file of the
 * gateway. `docs/failure-modes.md` has one heading for each; a repository test holds both together.
 */
import { z } from 'zod';

export const ERROR_CODES = [
  // Who the caller is, and may do.
  'missing_api_key',
  'invalid_api_key',
  'insufficient_scope',
  'auth_unavailable',
  // The caller's request.
  'invalid_request',
  'unsupported_parameter',
  'model_not_found',
  'unknown_route',
  'method_not_allowed',
  'unsupported_media_type',
  'body_too_large',
  'url_too_long',
  'headers_too_large',
  'request_timeout',
  'response_not_found',
  'previous_response_not_found',
  'idempotency_conflict',
  'events_expired',
  'deadline_too_short',
  'context_length_exceeded',
  // The caller's limit, and ours.
  'too_many_outstanding',
  'too_many_streams',
  'too_many_connections',
  'rate_limit_exceeded',
  'request_over_limit',
  'insufficient_quota',
  'queue_full',
  'overloaded',
  'queue_timeout',
  'queue_unavailable',
  'shutting_down',
  'storage_full',
  // The model endpoint.
  'provider_rejected',
  'provider_auth',
  'provider_rate_limited',
  'provider_error',
  'provider_unreachable',
  'provider_unavailable',
  'provider_bad_response',
  'provider_stream_cut',
  'first_token_timeout',
  'idle_timeout',
  'run_timeout',
  'deadline_exceeded',
  // An agent in code.
  'agent_failed',
  'agent_unavailable',
  // The agent's steps.
  'too_many_steps',
  'invalid_structured_output',
  // The run.
  'worker_lost',
  'too_many_attempts',
  'request_lost',
  'answer_incomplete',
  'cancelled',
  'internal_error',
] as const;

export const ErrorCode = z.enum(ERROR_CODES);
export type ErrorCode = z.infer<typeof ErrorCode>;

/** What may be said of an error besides its code and message. */
export interface ErrorDetails {
  /** The request field at fault, as a path: `messages[0].content`. */
  readonly param?: string | undefined;
  /** When to try again, milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** Which of the caller's limits refused it. */
  readonly limit?: 'requests' | 'tokens' | undefined;
  /** For logs only: never sent to a caller. */
  readonly cause?: unknown;
}

/**
 * An expected failure with a stable code. `message` is public: it may be shown to the caller, so it
 * never holds prompts, keys or internal addresses. Match by `code`, never by message.
 */
export class SwitchboardError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly limit: 'requests' | 'tokens' | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'SwitchboardError';
    this.code = code;
    this.param = details.param;
    this.retryAfterMs = details.retryAfterMs;
    this.limit = details.limit;
  }
}

/** `unknown` as an Error: what a `catch` may hold is anything. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
