import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR_CODES, SwitchboardError } from '@switchboard/contract';
import type { ErrorCode } from '@switchboard/contract';
import { HTTP_ERRORS, errorAnswer, errorBody } from './http-errors.ts';

const STATUSES: Record<ErrorCode, number> = {
  missing_api_key: 401,
  invalid_api_key: 401,
  insufficient_scope: 403,
  auth_unavailable: 503,
  invalid_request: 400,
  unsupported_parameter: 400,
  model_not_found: 404,
  unknown_route: 404,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  body_too_large: 413,
  url_too_long: 414,
  headers_too_large: 431,
  request_timeout: 408,
  too_many_outstanding: 429,
  too_many_streams: 429,
  too_many_connections: 503,
  rate_limit_exceeded: 429,
  request_over_limit: 429,
  insufficient_quota: 429,
  response_not_found: 404,
  previous_response_not_found: 400,
  idempotency_conflict: 409,
  events_expired: 410,
  deadline_too_short: 400,
  context_length_exceeded: 400,
  queue_full: 503,
  overloaded: 503,
  storage_full: 503,
  queue_timeout: 503,
  queue_unavailable: 503,
  shutting_down: 503,
  provider_rejected: 400,
  provider_auth: 502,
  provider_rate_limited: 503,
  provider_error: 502,
  provider_unreachable: 502,
  provider_unavailable: 503,
  provider_bad_response: 502,
  provider_stream_cut: 502,
  first_token_timeout: 504,
  idle_timeout: 504,
  run_timeout: 504,
  deadline_exceeded: 504,
  agent_failed: 502,
  agent_unavailable: 503,
  too_many_steps: 502,
  invalid_structured_output: 502,
  worker_lost: 502,
  too_many_attempts: 502,
  request_lost: 502,
  answer_incomplete: 502,
  cancelled: 499,
  internal_error: 500,
};

describe('http errors', () => {
  it('gives every code of the contract exactly its status', () => {
    assert.deepEqual(Object.keys(HTTP_ERRORS).toSorted(), [...ERROR_CODES].toSorted());
    for (const code of ERROR_CODES) {
      assert.equal(errorAnswer(new SwitchboardError(code, 'x')).status, STATUSES[code], code);
    }
  });

  it('says with every 401, and with a 403 for want of a scope, how to enter', () => {
    for (const code of ERROR_CODES) {
      const { status, headers } = errorAnswer(new SwitchboardError(code, 'x'));
      const refused = status === 401 || status === 403;
      assert.equal(headers['www-authenticate']?.startsWith('Bearer ') ?? false, refused, code);
    }
  });

  it('names a time to retry on every 429 and 503, in both headers, and on nothing else', () => {
    for (const code of ERROR_CODES) {
      const { status, headers } = errorAnswer(new SwitchboardError(code, 'x'));
      // What can never fit has no time at which it would.
      const timed = (status === 429 || status === 503) && code !== 'request_over_limit';
      assert.equal(headers['retry-after'] !== undefined, timed, code);
      assert.equal(headers['retry-after-ms'] !== undefined, timed, code);
    }
  });

  it('never names more than 60 s, and never 0 s', () => {
    for (const [retryAfterMs, seconds, milliseconds] of [
      [600_000, '60', '60000'],
      [1_200, '2', '1200'],
      [0, '1', '1'],
      [-5, '1', '1'],
    ] as const) {
      const error = new SwitchboardError('queue_full', 'x', { retryAfterMs });
      const { headers } = errorAnswer(error);
      assert.deepEqual(
        [headers['retry-after'], headers['retry-after-ms']],
        [seconds, milliseconds],
      );
    }
  });

  it('allows a retry only where no run has started, or its own agent does', () => {
    const safe = ERROR_CODES.filter(
      (code) => errorAnswer(new SwitchboardError(code, 'x')).headers['x-should-retry'] === 'true',
    );
    assert.deepEqual(safe, [
      'auth_unavailable',
      'request_timeout',
      'too_many_outstanding',
      'too_many_streams',
      'too_many_connections',
      'rate_limit_exceeded',
      'queue_full',
      'overloaded',
      'queue_timeout',
      'queue_unavailable',
      'shutting_down',
      'storage_full',
      'agent_unavailable',
    ]);
    for (const code of ERROR_CODES) {
      const { headers } = errorAnswer(new SwitchboardError(code, 'x'), true);
      assert.equal(headers['x-should-retry'], 'false', code);
    }
  });

  it('closes the connection with an answer that ends the process or an unread body', () => {
    const closing = ERROR_CODES.filter(
      (code) => errorAnswer(new SwitchboardError(code, 'x')).headers['connection'] === 'close',
    );
    assert.deepEqual(closing, ['request_timeout', 'shutting_down']);
  });

  it("speaks OpenAI's own codes where its clients know them", () => {
    assert.deepEqual(errorBody(new SwitchboardError('queue_full', 'Full.')), {
      error: {
        message: 'Full.',
        type: 'service_unavailable_error',
        param: null,
        code: 'server_is_overloaded',
      },
    });
    assert.deepEqual(errorBody(new SwitchboardError('too_many_outstanding', 'Too many.')), {
      error: {
        message: 'Too many.',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limit_exceeded',
      },
    });
  });

  it("sends the limit that refused a request as OpenAI's type, and when it can never fit", () => {
    const details = { limit: 'tokens', retryAfterMs: 90_000 } as const;
    const over = errorAnswer(new SwitchboardError('rate_limit_exceeded', 'x', details));
    const never = errorAnswer(new SwitchboardError('request_over_limit', 'x', details));
    for (const { body } of [over, never]) {
      assert.deepEqual([body.error.type, body.error.code], ['tokens', 'rate_limit_exceeded']);
    }
    const retries = [over, never].map(({ headers }) => headers['x-should-retry']);
    assert.deepEqual(retries, ['true', 'false']);
    assert.deepEqual(
      [over.headers['retry-after'], never.headers['retry-after']],
      ['60', undefined],
    );
  });

  it('answers a code that only newer workers know as an internal error, under its own name', () => {
    for (const code of ['code_of_tomorrow', 'constructor']) {
      const error = new SwitchboardError(code as ErrorCode, 'x', { retryAfterMs: 1_000 });
      const { status, headers, body } = errorAnswer(error);
      assert.equal(status, 500);
      assert.equal(headers['x-should-retry'], 'false');
      assert.deepEqual(body.error, { message: 'x', type: 'server_error', param: null, code });
    }
  });

  it('never sends the internal cause', () => {
    const error = new SwitchboardError('internal_error', 'Oops.', { cause: new Error('secret') });
    assert.equal(JSON.stringify(errorAnswer(error)).includes('secret'), false);
  });
});
