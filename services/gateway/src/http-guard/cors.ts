import type { IncomingMessage, ServerResponse } from 'node:http';

const METHODS = 'GET, POST, DELETE';
/** What the SDKs and this API send; `x-stainless-*` is how OpenAI's SDKs describe themselves. */
const ALLOWED_HEADERS = new Set([
  'accept',
  'authorization',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'x-request-deadline',
  'x-request-id',
]);
const ALLOWED_FAMILY = /^(openai|x-stainless)-[a-z-]{1,64}$/;
/** More than any SDK sends. */
const HEADERS_MAX = 64;
const MAX_AGE_SECONDS = '600';
/** Answers' headers that a page may read. */
const EXPOSED =
  'x-request-id, retry-after, retry-after-ms, x-should-retry, openai-processing-ms, ' +
  'x-queue-wait-ms, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, ' +
  'x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, ' +
  'x-ratelimit-reset-tokens';

/**
 * Pages of other origins in a browser. Without origins nothing is ever sent. Credentials are not
 * allowed: the API knows bearer keys and no cookies.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** @param origins as browsers send them; compared whole */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Sets what a browser needs. @returns whether the request was only its question before one */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#origins.size === 0) return false;
    response.setHeader('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !this.#origins.has(origin)) return false;
    // The configured text, which the request only chose.
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', EXPOSED);
    const wanted = request.headers['access-control-request-headers'];
    const method = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || method === undefined) return false;
    response.setHeader('access-control-allow-methods', METHODS);
    response.setHeader('access-control-allow-headers', allowed(wanted ?? ''));
    response.setHeader('access-control-max-age', MAX_AGE_SECONDS);
    return true;
  }
}

/** Of the headers that a page wants to send, those that may be sent. */
function allowed(wanted: string): string {
  const names = wanted.toLowerCase().split(',', HEADERS_MAX);
  const plain = names.map((name) => name.trim());
  return plain.filter((name) => ALLOWED_HEADERS.has(name) || ALLOWED_FAMILY.test(name)).join(', ');
}
