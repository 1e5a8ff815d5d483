import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunEvent } from '@switchboard/contract';
import { AnswerEvents } from './answer-events.ts';

/** The events of some chunks (or one whole answer) and their end, checked against the contract. */
function eventsOf(...chunks: unknown[]): RunEvent[] {
  const events: RunEvent[] = [];
  const answer = new AnswerEvents([]);
  for (const chunk of chunks) answer.take(chunk, events);
  answer.end(events);
  return events.map((event) => RunEvent.parse(event));
}

const delta = (fields: object, rest: object = {}) => ({
  choices: [{ index: 0, delta: fields, finish_reason: null, ...rest }],
});
const calls = (...list: object[]) => delta({ tool_calls: list });
const usage = (total: number) => ({
  prompt_tokens: 1,
  completion_tokens: total - 1,
  total_tokens: total,
  prompt_tokens_details: { cached_tokens: 0 },
});
const STOP = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
const COMPLETED = { type: 'completed', finishReason: 'stop' };

test('text, reasoning by either name, and refusals become their deltas', () => {
  assert.deepEqual(
    eventsOf(
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning_content: 'hm' }),
      delta({ reasoning: 'so' }),
      delta({ content: 'Hello', refusal: null }),
      delta({ refusal: 'No.' }),
      STOP,
    ),
    [
      { type: 'reasoning.delta', text: 'hm' },
      { type: 'reasoning.delta', text: 'so' },
      { type: 'text.delta', text: 'Hello' },
      { type: 'refusal.delta', text: 'No.' },
      COMPLETED,
    ],
  );
});

test('log probabilities travel with their text', () => {
  const logprobs = { content: [{ token: 'Hi', logprob: -0.1, top_logprobs: [] }] };
  assert.deepEqual(eventsOf(delta({ content: 'Hi' }, { logprobs }), STOP), [
    { type: 'text.delta', text: 'Hi', logprobs },
    COMPLETED,
  ]);
});

test('the deltas of parallel tool calls keep their index', () => {
  assert.deepEqual(
    eventsOf(
      calls({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }),
      calls({ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '{' } }),
      calls(
        { index: 0, function: { arguments: '{}' } },
        { index: 1, function: { arguments: '}' } },
      ),
      { choices: [{ delta: {}, finish_reason: 'tool_calls' }] },
    ),
    [
      { type: 'tool.call', index: 0, id: 'a', name: 'f', arguments: '' },
      { type: 'tool.call', index: 1, id: 'b', name: 'g', arguments: '{' },
      { type: 'tool.call', index: 0, arguments: '{}' },
      { type: 'tool.call', index: 1, arguments: '}' },
      { type: 'completed', finishReason: 'tool_calls' },
    ],
  );
});

test('usage comes once, the last one, before the end; the frame goes into the end', () => {
  const frame = { model: 'm-1', system_fingerprint: 'fp', service_tier: 'flex' };
  assert.deepEqual(
    eventsOf({ ...frame, ...delta({ content: 'x' }), usage: usage(2) }, STOP, {
      ...frame,
      choices: [],
      usage: usage(3),
    }),
    [
      { type: 'text.delta', text: 'x' },
      { type: 'usage', usage: usage(3) },
      { ...COMPLETED, model: 'm-1', systemFingerprint: 'fp', serviceTier: 'flex' },
    ],
  );
});

test('a whole answer gives the same events as a stream of it', () => {
  const message = {
    role: 'assistant',
    content: 'Hello',
    reasoning_content: 'hm',
    refusal: null,
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
      { id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } },
    ],
  };
  assert.deepEqual(eventsOf({ choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }), [
    { type: 'reasoning.delta', text: 'hm' },
    { type: 'text.delta', text: 'Hello' },
    { type: 'tool.call', index: 0, id: 'a', name: 'f', arguments: '{}' },
    { type: 'tool.call', index: 1, id: 'b', name: 'g', arguments: '{}' },
    { type: 'completed', finishReason: 'tool_calls' },
  ]);
});

test('fields that nobody knows are ignored', () => {
  const odd = { choices: [{ delta: { content: 'x', sparkle: 1, reasoning: [{}] }, extra: {} }] };
  assert.deepEqual(eventsOf({ ...odd, obfuscation: 'abc' }, { prompt_filter_results: [] }, STOP), [
    { type: 'text.delta', text: 'x' },
    COMPLETED,
  ]);
});

test('an answer without finish_reason is provider_stream_cut', () => {
  assert.throws(() => eventsOf(delta({ content: 'x' })), { code: 'provider_stream_cut' });
});

test('an error in the stream is provider_error with the message of the provider', () => {
  const failed = { code: 'provider_error', message: 'The engine died.' };
  assert.throws(() => eventsOf({ error: { message: 'The engine died.' } }), failed);
  assert.throws(() => eventsOf({ error: 'The engine died.' }), failed);
});

for (const [what, chunk] of [
  ['a number', 7],
  ['null', null],
  ['a list', []],
  ['choices that are no list', { choices: {} }],
  ['a choice that is text', { choices: ['x'] }],
  ['a delta that is text', { choices: [{ delta: 'x' }] }],
  ['content that is a list', delta({ content: [{ type: 'text' }] })],
  ['a tool call that is text', delta({ tool_calls: ['x'] })],
] as const) {
  test(`${what} for a chunk is provider_bad_response`, () => {
    assert.throws(() => eventsOf(chunk, STOP), { code: 'provider_bad_response' });
  });
}
