import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import type { RunRequest } from '@switchboard/contract';
import { buildProviderRequest } from './provider-request.ts';

function profile(fields: Record<string, unknown> = {}): AgentProfile {
  return AgentProfile.parse({ name: 'assistant', model: 'big-model', ...fields });
}

const HELLO = { role: 'user', content: 'hello' };

function request(chat: Record<string, unknown> = {}, fields: Partial<RunRequest> = {}): RunRequest {
  return {
    v: 1,
    run: 'gate_0123456789abcdef012345',
    requestId: 'request-1',
    agent: 'assistant',
    stream: true,
    queueTimeoutMs: 1_000,
    onDisconnect: 'cancel',
    resumeWindowMs: 0,
    chat: { messages: [HELLO], ...chat },
    ...fields,
  };
}

test('instructions come first, then the whole history in its order', () => {
  const history = [HELLO, { role: 'assistant', content: 'hi' }, { role: 'user', content: 'more' }];
  const built = buildProviderRequest(
    profile({ instructions: 'Be brief.' }),
    request({ messages: history }),
  );
  assert.deepEqual(built.messages, [{ role: 'system', content: 'Be brief.' }, ...history]);
});

test('a profile without instructions adds no message', () => {
  assert.deepEqual(buildProviderRequest(profile(), request()).messages, [HELLO]);
});

test("the caller's parameters win over the profile's defaults", () => {
  const defaults = { temperature: 0.2, top_p: 0.9 };
  const built = buildProviderRequest(profile({ defaults }), request({ temperature: 1 }));
  assert.equal(built['temperature'], 1);
  assert.equal(built['top_p'], 0.9);
});

test('defaults cannot replace model, messages or stream', () => {
  const defaults = { model: 'other', messages: [], stream: false };
  const built = buildProviderRequest(profile({ defaults }), request());
  assert.deepEqual(
    { model: built.model, messages: built.messages, stream: built.stream },
    { model: 'big-model', messages: [HELLO], stream: true },
  );
});

test('a wildcard profile passes on the rest of the name', () => {
  const wildcard = profile({ name: 'sim/*', model: '*' });
  const built = buildProviderRequest(wildcard, request({}, { model: 'tokens=3' }));
  assert.equal(built.model, 'tokens=3');
  assert.throws(() => buildProviderRequest(wildcard, request()), { code: 'model_not_found' });
});

test("a profile's own model stands, whatever rest the name had", () => {
  const built = buildProviderRequest(profile(), request({}, { model: 'rest' }));
  assert.equal(built.model, 'big-model');
});

test('a stream always asks for its usage and keeps the other stream options', () => {
  const built = buildProviderRequest(
    profile(),
    request({ stream_options: { include_usage: false, include_obfuscation: false } }),
  );
  assert.deepEqual(built['stream_options'], { include_usage: true, include_obfuscation: false });
});

test('without a stream no stream options are sent on behalf of the caller', () => {
  const defaults = { stream_options: { include_obfuscation: false } };
  const built = buildProviderRequest(profile({ defaults }), request({}, { stream: false }));
  assert.equal('stream_options' in built, false);
  assert.equal(built.stream, false);
});

test('tools, user and fields that nobody here knows pass through untouched', () => {
  const chat = {
    tools: [{ type: 'function', function: { name: 'f' } }],
    tool_choice: 'auto',
    user: 'u-1',
    response_format: { type: 'json_object' },
    brand_new: { deep: [1, null] },
  };
  const built = buildProviderRequest(profile(), request(chat));
  for (const [name, value] of Object.entries(chat)) assert.deepEqual(built[name], value);
});

test('a limit above the bound is lowered in the field that the caller used', () => {
  const bounded = profile({ max_tokens: 100 });
  const newName = buildProviderRequest(bounded, request({ max_completion_tokens: 500 }));
  assert.equal(newName['max_completion_tokens'], 100);
  assert.equal('max_tokens' in newName, false);
  const oldName = buildProviderRequest(bounded, request({ max_tokens: 500 }));
  assert.equal(oldName['max_tokens'], 100);
  assert.equal('max_completion_tokens' in oldName, false);
});

test('a limit below the bound stays', () => {
  const built = buildProviderRequest(profile({ max_tokens: 100 }), request({ max_tokens: 7 }));
  assert.equal(built['max_tokens'], 7);
});

test('without a limit, or with null, the bound is the limit', () => {
  const bounded = profile({ max_tokens: 100 });
  assert.equal(buildProviderRequest(bounded, request())['max_tokens'], 100);
  const built = buildProviderRequest(bounded, request({ max_completion_tokens: null }));
  assert.equal(built['max_tokens'], 100);
  assert.equal('max_completion_tokens' in built, false);
});

test('the field of the defaults is kept when the caller names none', () => {
  const bounded = profile({ max_tokens: 100, defaults: { max_completion_tokens: 50 } });
  const built = buildProviderRequest(bounded, request());
  assert.equal(built['max_completion_tokens'], 50);
  assert.equal('max_tokens' in built, false);
});

test('without a bound nothing is added', () => {
  assert.equal('max_tokens' in buildProviderRequest(profile(), request()), false);
});

test('the request itself is never changed', () => {
  const before = request({ max_tokens: 500, stream_options: { include_usage: false } });
  const copy = structuredClone(before);
  buildProviderRequest(profile({ max_tokens: 1, instructions: 'x' }), before);
  assert.deepEqual(before, copy);
});
