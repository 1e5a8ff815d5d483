import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APIConnectionError, APIError } from 'openai';
import { errors } from 'undici';
import { errorInAnswer, errorInResponse, failureOf, retryAfterOf } from './failures.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

function refused(
  status: number,
  body: object | undefined = { message: 'The provider says no.', param: 'messages' },
  headers: Record<string, string> = JSON_TYPE,
) {
  return failureOf(APIError.generate(status, { error: body }, undefined, new Headers(headers)), []);
}

const STATUSES = [
  [400, 'provider_rejected', false],
  [401, 'provider_auth', false],
  [402, 'provider_auth', false],
  [403, 'provider_auth', false],
  [404, 'provider_rejected', false],
  [408, 'provider_error', true],
  [409, 'provider_error', true],
  [413, 'provider_rejected', false],
  [422, 'provider_rejected', false],
  [429, 'provider_rate_limited', true],
  [500, 'provider_error', true],
  [503, 'provider_error', true],
  [529, 'provider_error', true],
  [307, 'provider_bad_response', false],
] as const;

for (const [status, code, retryable] of STATUSES) {
  test(`status ${status} is ${code}, ${retryable ? 'and' : 'not'} tried again`, () => {
    const failure = refused(status);
    assert.deepEqual({ code: failure.code, retryable: failure.retryable }, { code, retryable });
  });
}

test("a rejection passes on the provider's message and param, other failures do not", () => {
  const { message, param } = refused(400);
  assert.deepEqual({ message, param }, { message: 'The provider says no.', param: 'messages' });
  for (const status of [401, 403, 429, 500]) {
    const failure = refused(status);
    assert.equal(failure.message.includes('says no'), false);
    assert.equal(failure.param, undefined);
  }
});

test('a page of HTML is provider_bad_response, tried again only after 5xx', () => {
  const html = { 'content-type': 'text/html; charset=utf-8' };
  const gateway = refused(502, undefined, html);
  assert.deepEqual([gateway.code, gateway.retryable], ['provider_bad_response', true]);
  const wrong = failureOf(APIError.generate(404, undefined, '<h1>', new Headers(html)), []);
  assert.deepEqual([wrong.code, wrong.retryable], ['provider_bad_response', false]);
});

test('a rejection without JSON is provider_bad_response: nobody there speaks the API', () => {
  const text = new Headers({ 'content-type': 'text/plain' });
  const failure = failureOf(APIError.generate(404, undefined, '404 not found', text), []);
  assert.equal(failure.code, 'provider_bad_response');
});

test('a quota that is spent and x-should-retry: false are not tried again', () => {
  assert.equal(refused(429, { message: 'm', code: 'insufficient_quota' }).retryable, false);
  assert.equal(refused(503, {}, { ...JSON_TYPE, 'x-should-retry': 'false' }).retryable, false);
});

test('how long to wait is passed on with a rate limit', () => {
  assert.equal(refused(429, {}, { ...JSON_TYPE, 'retry-after': '3' }).retryAfterMs, 3_000);
});

test('Retry-After is read as milliseconds, seconds or a date, and nonsense is ignored', () => {
  const nowMs = Date.parse('2026-11-22T10:00:00Z');
  const read = (headers: Record<string, string>) => retryAfterOf(new Headers(headers), nowMs);
  assert.equal(read({ 'retry-after-ms': '250', 'retry-after': '9' }), 250);
  assert.equal(read({ 'retry-after': '1.5' }), 1_500);
  assert.equal(read({ 'retry-after': 'Sun, 22 Nov 2026 10:00:20 GMT' }), 20_000);
  assert.equal(read({ 'retry-after': 'Sun, 22 Nov 2026 09:00:00 GMT' }), 0);
  assert.equal(read({ 'retry-after': 'soon' }), undefined);
  assert.equal(read({ 'retry-after': '-5', 'retry-after-ms': '-5' }), undefined);
  assert.equal(read({}), undefined);
});

test('no connection is provider_unreachable, without the address, and tried again', () => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_SOCKET', 'CERT_HAS_EXPIRED']) {
    const cause = Object.assign(new Error('connect to 10.0.0.7:8000'), { code });
    const failure = failureOf(new APIConnectionError({ cause }), []);
    assert.equal(failure.code, 'provider_unreachable');
    assert.equal(failure.retryable, true);
    assert.equal(failure.message.includes('10.0.0.7'), false);
    assert.equal(failure.cause, cause);
  }
});

test('an endpoint that does not speak HTTP is provider_bad_response', () => {
  const cause = new errors.HTTPParserError('Expected HTTP/');
  assert.equal(failureOf(new APIConnectionError({ cause }), []).code, 'provider_bad_response');
});

test("no failure keeps the provider's body, which may quote the prompt", () => {
  const seen = JSON.stringify(refused(500, { message: 'PROMPT' }).cause, ['message', 'stack']);
  assert.equal(seen.includes('PROMPT'), false);
});

test('an error inside an answer is provider_error with its message made safe', () => {
  const failure = errorInAnswer({ message: 'overloaded at my-host' }, ['my-host']);
  assert.equal(failure.code, 'provider_error');
  assert.equal(failure.message, 'overloaded at [removed]');
  assert.equal(errorInAnswer({}, []).message, 'The model endpoint failed.');
});

test('another provider may help, unless the request itself was refused', () => {
  for (const status of [400, 413, 422]) assert.equal(refused(status).elsewhere, false);
  for (const status of [401, 402, 403, 404, 408, 429, 500, 503]) {
    assert.equal(refused(status).elsewhere, true, String(status));
  }
});

test('only what is not about the request says that the provider is ill', () => {
  for (const status of [400, 401, 404, 409, 422, 429]) {
    assert.equal(refused(status).ill, false, String(status));
  }
  for (const status of [408, 500, 503, 529]) assert.equal(refused(status).ill, true);
  const text = new Headers({ 'content-type': 'text/plain' });
  const bare = failureOf(APIError.generate(400, undefined, 'Bad Request', text), []);
  assert.deepEqual([bare.code, bare.ill], ['provider_bad_response', false]);
  const refusals = [{ type: 'invalid_request_error' }, { code: 400 }, { code: '422' }];
  for (const error of refusals) assert.equal(errorInAnswer(error, []).ill, false);
  for (const error of [{ message: 'x' }, { code: 500 }, { code: 'x' }]) {
    assert.equal(errorInAnswer(error, []).ill, true);
  }
});

test('a failed response blames the provider or the request, by its code', () => {
  const failureFor = (code: string) => errorInResponse({ code, message: 'Why.' }, []);
  for (const [code, expected] of [
    ['server_error', 'provider_error'],
    ['rate_limit_exceeded', 'provider_rate_limited'],
    ['invalid_prompt', 'provider_rejected'],
    ['invalid_image_url', 'provider_rejected'],
  ] as const) {
    assert.equal(failureFor(code).code, expected);
  }
  assert.deepEqual(
    [failureFor('server_error').retryable, failureFor('invalid_prompt').elsewhere],
    [true, false],
  );
  assert.equal(errorInResponse(null, []).code, 'provider_error');
});
