/**
 * The only place where error codes become HTTP. The table names every code of the contract once;
 * `docs/failure-modes.md` describes each of them.
 */
import type { ErrorCode, SwitchboardError } from '@switchboard/contract';

/** How one code looks to an HTTP client. */
export interface HttpError {
  readonly status: number;
  /** OpenAI's `type`. */
  readonly type: ErrorType;
  /** OpenAI's `code`, where OpenAI's clients know one; else our own code is sent. */
  readonly wireCode?: string;
  /** Whether the request can be sent again without a run being paid for twice. */
  readonly retry: 'safe' | 'never';
  /** `retry-after` when the failure itself does not name a time, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Whether the connection is closed with the answer. */
  readonly close?: true;
  /** `www-authenticate`, which says how to enter and, by RFC 6750's words, what was wrong. */
  readonly challenge?: string;
}

type ErrorType =
  | 'invalid_request_error'
  | 'rate_limit_error'
  | 'insufficient_quota'
  | 'service_unavailable_error'
  | 'server_error';

/** The SDKs ignore a longer `retry-after` and guess instead. */
const RETRY_AFTER_MAX_MS = 60_000;

const caller = (status: number): HttpError => ({
  status,
  type: 'invalid_request_error',
  retry: 'never',
});
const CHALLENGE = 'Bearer realm="switchboard"';
/** The run had started, or may have: a second one would cost twice. */
const failed = (status: number): HttpError => ({ status, type: 'server_error', retry: 'never' });
/** Refused before a run started. */
const busy = (retryAfterMs: number): HttpError => ({
  status: 503,
  type: 'service_unavailable_error',
  retry: 'safe',
  retryAfterMs,
});

export const HTTP_ERRORS: Readonly<Record<ErrorCode, HttpError>> = {
  missing_api_key: { ...caller(401), challenge: CHALLENGE },
  invalid_api_key: { ...caller(401), challenge: `${CHALLENGE}, error="invalid_token"` },
  insufficient_scope: { ...caller(403), challenge: `${CHALLENGE}, error="insufficient_scope"` },
  auth_unavailable: busy(10_000),

  invalid_request: caller(400),
  unsupported_parameter: caller(400),
  model_not_found: caller(404),
  unknown_route: caller(404),
  method_not_allowed: caller(405),
  unsupported_media_type: caller(415),
  body_too_large: caller(413),
  url_too_long: caller(414),
  headers_too_large: caller(431),
  request_timeout: { ...caller(408), retry: 'safe', close: true },
  response_not_found: caller(404),
  previous_response_not_found: caller(400),
  idempotency_conflict: caller(409),
  events_expired: caller(410),
  deadline_too_short: caller(400),
  context_length_exceeded: caller(400),

  too_many_outstanding: {
    status: 429,
    type: 'rate_limit_error',
    wireCode: 'rate_limit_exceeded',
    retry: 'safe',
    retryAfterMs: 1_000,
  },
  too_many_streams: {
    status: 429,
    type: 'rate_limit_error',
    wireCode: 'rate_limit_exceeded',
    retry: 'safe',
    retryAfterMs: 1_000,
  },
  too_many_connections: busy(1_000),
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    retry: 'safe',
    retryAfterMs: 1_000,
  },
  // Asks for more than the limit itself: it cannot fit at any time.
  request_over_limit: {
    status: 429,
    type: 'rate_limit_error',
    wireCode: 'rate_limit_exceeded',
    retry: 'never',
  },
  // Whoever tries again within the day is refused again.
  insufficient_quota: {
    status: 429,
    type: 'insufficient_quota',
    retry: 'never',
    retryAfterMs: 60_000,
  },
  queue_full: { ...busy(1_000), wireCode: 'server_is_overloaded' },
  overloaded: { ...busy(1_000), wireCode: 'server_is_overloaded' },
  queue_timeout: busy(5_000),
  queue_unavailable: busy(2_000),
  shutting_down: { ...busy(1_000), close: true },
  storage_full: busy(30_000),

  provider_rejected: caller(400),
  provider_auth: failed(502),
  provider_rate_limited: { ...busy(5_000), retry: 'never' },
  provider_error: failed(502),
  provider_unreachable: failed(502),
  provider_unavailable: { ...busy(5_000), retry: 'never' },
  provider_bad_response: failed(502),
  provider_stream_cut: failed(502),
  first_token_timeout: failed(504),
  idle_timeout: failed(504),
  run_timeout: failed(504),
  deadline_exceeded: failed(504),

  agent_failed: failed(502),
  // The agent's own word that nothing has happened which must not happen twice.
  agent_unavailable: busy(5_000),
  too_many_steps: failed(502),
  invalid_structured_output: failed(502),

  worker_lost: failed(502),
  too_many_attempts: failed(502),
  request_lost: failed(502),
  answer_incomplete: failed(502),
  // Nobody waits for this answer but a caller whose run somebody else cancelled.
  cancelled: { ...failed(499), type: 'invalid_request_error' },
  internal_error: failed(500),
};

/** OpenAI's error object, as it stands in a body and in the last event of a broken stream. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: ErrorBody;
}

/**
 * How a code that came as data looks. While workers are updated before gateways, theirs may be one
 * that this table does not have yet: such a failure is ours to answer for, and its name goes on.
 */
export function ruleOf(code: ErrorCode): HttpError {
  return Object.hasOwn(HTTP_ERRORS, code) ? HTTP_ERRORS[code] : HTTP_ERRORS.internal_error;
}

export function errorBody(error: SwitchboardError): ErrorBody {
  const { type, wireCode } = ruleOf(error.code);
  const code = wireCode ?? error.code;
  // OpenAI's `type` of a rate limit is the limit's name.
  const kind = error.limit ?? type;
  return { error: { message: error.message, type: kind, param: error.param ?? null, code } };
}

/**
 * Status, headers and body for `error`. `started`: whether a run had started for this request,
 * after which no retry is safe.
 */
export function errorAnswer(error: SwitchboardError, started = false): ErrorAnswer {
  const known = ruleOf(error.code);
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'x-should-retry': known.retry === 'safe' && !started ? 'true' : 'false',
  };
  if (known.retryAfterMs !== undefined) {
    const wanted = Math.max(1, Math.ceil(error.retryAfterMs ?? known.retryAfterMs));
    const retryAfterMs = Math.min(wanted, RETRY_AFTER_MAX_MS);
    headers['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
    headers['retry-after-ms'] = String(retryAfterMs);
  }
  if (known.close === true) headers['connection'] = 'close';
  if (known.challenge !== undefined) headers['www-authenticate'] = known.challenge;
  return { status: known.status, headers, body: errorBody(error) };
}
