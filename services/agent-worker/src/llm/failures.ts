/** What a model endpoint does wrong, as our error codes. The only place that decides it. */
import { APIConnectionError, APIError } from 'openai';
import { errors } from 'undici';
import type { ErrorCode } from '@switchboard/contract';
import { ProviderFailure } from '../runner/provider-failure.ts';
import { safeMessage } from './safe-message.ts';

interface StatusRule {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Whether another provider may do better; default: unless the request itself was refused. */
  readonly elsewhere?: boolean;
  /** What the caller reads; undefined: the provider's own message, made safe. */
  readonly message?: string;
}

const REJECTED: StatusRule = { code: 'provider_rejected', retryable: false };
const AUTH: StatusRule = {
  code: 'provider_auth',
  retryable: false,
  message: 'The model endpoint refuses our credentials.',
};
const LIMITED: StatusRule = {
  code: 'provider_rate_limited',
  retryable: true,
  message: 'The model endpoint limits our rate of requests.',
};
const FAILED: StatusRule = {
  code: 'provider_error',
  retryable: true,
  message: 'The model endpoint failed.',
};

/** By exact status; other 4xx are `provider_rejected`, 5xx `provider_error`. */
const STATUS_RULES: Readonly<Record<number, StatusRule>> = {
  401: AUTH,
  // Payment: the operator's account, nothing that the caller sent.
  402: AUTH,
  403: AUTH,
  // The provider does not have this model, or this API.
  404: { ...REJECTED, elsewhere: true },
  408: FAILED,
  // A lock on the provider's side that passes.
  409: FAILED,
  429: LIMITED,
};

function ruleOf(status: number): StatusRule {
  const rule = STATUS_RULES[status];
  if (rule !== undefined) return rule;
  if (status >= 500) return FAILED;
  return status >= 400 ? REJECTED : BAD_STATUS;
}

const BAD_STATUS: StatusRule = {
  code: 'provider_bad_response',
  retryable: false,
  message: 'The model endpoint answered with a status that is not part of the API.',
};

const WEB_PAGE = 'The model endpoint answered with a web page. Is its address right?';
const NOT_JSON = "The model endpoint refused the request, but not in the API's words.";

/** Codes of a 429 that no waiting cures. */
const SPENT = new Set(['insufficient_quota', 'billing_hard_limit_reached']);

/** What `open` caught: a refusing status, or no answer at all. */
export function failureOf(thrown: unknown, secrets: readonly string[]): ProviderFailure {
  if (thrown instanceof ProviderFailure) return thrown;
  if (thrown instanceof APIError && thrown.status !== undefined) {
    return statusFailure(thrown, thrown.status, secrets);
  }
  return connectionFailure(thrown instanceof APIConnectionError ? thrown.cause : thrown);
}

function statusFailure(
  error: APIError,
  status: number,
  secrets: readonly string[],
): ProviderFailure {
  const { headers } = error;
  const rule = ruleOf(status);
  const cause = causeOf(error, status);
  const retryable = rule.retryable && headers?.get('x-should-retry') !== 'false' && !isSpent(error);
  const rejected = rule.code === 'provider_rejected';
  // Else a caller whose requests are refused could shut the provider for all others.
  const ill = status >= 500 || status === 408;
  if (rejected || rule === FAILED) {
    // A proxy's page, or a server without this API: the status is not about the request.
    if (headers?.get('content-type')?.includes('text/html') === true) {
      return new ProviderFailure('provider_bad_response', WEB_PAGE, { retryable, ill, cause });
    }
    if (rejected && error.error === undefined) return badResponse(NOT_JSON, cause, { ill });
  }
  return new ProviderFailure(rule.code, rule.message ?? providerMessage(error, secrets), {
    retryable,
    elsewhere: rule.elsewhere,
    ill,
    // Which field was wrong is of no use where the fault is not the caller's.
    param: rejected && typeof error.param === 'string' ? error.param : undefined,
    retryAfterMs: rule.retryable && headers !== undefined ? retryAfterOf(headers) : undefined,
    cause,
  });
}

/** Not the SDK's error: that holds the provider's whole answer, which may quote the prompt. */
function causeOf(error: APIError, status: number): Error {
  return new Error(`status ${status}, provider's request id ${error.requestID ?? 'none'}`);
}

function isSpent(error: APIError): boolean {
  return SPENT.has(error.code ?? '') || SPENT.has(error.type ?? '');
}

function providerMessage(error: APIError, secrets: readonly string[]): string {
  const text = messageIn(error.error);
  return text === undefined
    ? 'The model endpoint refused the request and did not say why.'
    : safeMessage(text, secrets);
}

function messageIn(body: unknown): string | undefined {
  if (typeof body === 'string') return body === '' ? undefined : body;
  if (typeof body !== 'object' || body === null || !('message' in body)) return undefined;
  return typeof body.message === 'string' && body.message !== '' ? body.message : undefined;
}

/** No headers came: refused, unknown host, TLS, reset, connect time-out. */
function connectionFailure(cause: unknown): ProviderFailure {
  // Somebody is there, but does not speak HTTP.
  if (cause instanceof errors.HTTPParserError) {
    return badResponse('The model endpoint does not speak HTTP.', cause);
  }
  return new ProviderFailure('provider_unreachable', 'The model endpoint cannot be reached.', {
    retryable: true,
    cause,
  });
}

/** The answer broke off: the connection was lost, or the provider ended it early. */
export function streamCut(cause?: unknown): ProviderFailure {
  const message = "The model endpoint's answer broke off.";
  return new ProviderFailure('provider_stream_cut', message, { retryable: true, cause });
}

/** The answer is not what the API promises. `message` is public. */
export function badResponse(
  message: string,
  cause?: unknown,
  { ill }: { readonly ill?: boolean } = {},
): ProviderFailure {
  return new ProviderFailure('provider_bad_response', message, { retryable: false, ill, cause });
}

export function webPage(): ProviderFailure {
  return badResponse(WEB_PAGE);
}

/** An `error` object where an answer was to be: in the stream, or with a status of success. */
export function errorInAnswer(error: unknown, secrets: readonly string[]): ProviderFailure {
  const text = messageIn(error);
  const message = text === undefined ? 'The model endpoint failed.' : safeMessage(text, secrets);
  const ill = !isAboutRequest(error);
  return new ProviderFailure('provider_error', message, { retryable: false, ill });
}

/** Some servers refuse a request in an answer that begins with success. */
function isAboutRequest(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('type' in error && error.type === 'invalid_request_error') return true;
  const code = 'code' in error ? Number(error.code) : NaN;
  return code >= 400 && code < 500;
}

/** Codes of a failed response for which the provider is to blame; the others name the request. */
const RESPONSE_RULES: Readonly<Record<string, StatusRule>> = {
  server_error: FAILED,
  rate_limit_exceeded: LIMITED,
  vector_store_timeout: FAILED,
};

/** The `error` of a failed response, or of an event that ends a stream of its own. */
export function errorInResponse(error: unknown, secrets: readonly string[]): ProviderFailure {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  if (typeof code !== 'string') return errorInAnswer(error, secrets);
  const rule = RESPONSE_RULES[code] ?? REJECTED;
  const text = messageIn(error);
  const message = text === undefined ? 'The model endpoint failed.' : safeMessage(text, secrets);
  return new ProviderFailure(rule.code, message, { retryable: rule.retryable });
}

/** `retry-after-ms`, else `retry-after` as seconds or as a date; in milliseconds from now. */
export function retryAfterOf(headers: Headers, nowMs = Date.now()): number | undefined {
  const ms = numberIn(headers.get('retry-after-ms'));
  if (ms !== undefined) return ms;
  const after = headers.get('retry-after');
  const seconds = numberIn(after);
  if (seconds !== undefined) return seconds * 1_000;
  // A date begins with its weekday; `Date.parse` makes a date of almost anything else too.
  const at = after !== null && /^\s*[a-z]/i.test(after) ? Date.parse(after) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function numberIn(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
