import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { ResponseEvents } from './response-events.ts';

const DONE = { id: 'resp_1', object: 'response', status: 'completed', model: 'm', output: [] };
const completed = (fields: object = {}) => ({
  type: 'response.completed',
  response: { ...DONE, ...fields },
});
const delta = (text: string, fields: object = {}) => ({
  type: 'response.output_text.delta',
  output_index: 0,
  content_index: 0,
  delta: text,
  logprobs: [],
  ...fields,
});
const callItem = (fields: object = {}) => ({
  type: 'function_call',
  id: 'fc_1',
  call_id: 'call_1',
  name: 'weather',
  arguments: '',
  ...fields,
});

/** All run events of a stream, or of one whole response. */
function eventsOf(...chunks: readonly unknown[]): readonly RunEvent[] {
  const events: RunEvent[] = [];
  const reader = new ResponseEvents(['key-for-tests']);
  for (const chunk of chunks) reader.take(chunk, events);
  reader.end(events);
  return events;
}

test('text, refusal and reasoning are what they are in chat completions', () => {
  const events = eventsOf(
    {
      type: 'response.created',
      response: { ...DONE, status: 'in_progress', service_tier: 'flex' },
    },
    { type: 'response.reasoning_summary_part.added', summary_index: 0 },
    { type: 'response.reasoning_summary_text.delta', delta: 'Hm.' },
    { type: 'response.reasoning_summary_part.added', summary_index: 1 },
    { type: 'response.reasoning_text.delta', delta: 'Well.' },
    { type: 'response.output_item.added', output_index: 1, item: { type: 'message' } },
    delta('Hel'),
    delta('lo', { logprobs: [{ token: 'lo', logprob: -0.5 }] }),
    { type: 'response.refusal.delta', delta: 'No.' },
    { type: 'response.output_text.done', text: 'Hello' },
    { type: 'response.never_heard_of', delta: 1 },
    completed(),
  );
  assert.deepEqual(events, [
    { type: 'reasoning.delta', text: 'Hm.' },
    { type: 'reasoning.delta', text: '\n\n' },
    { type: 'reasoning.delta', text: 'Well.' },
    { type: 'text.delta', text: 'Hel' },
    { type: 'text.delta', text: 'lo', logprobs: { content: [{ token: 'lo', logprob: -0.5 }] } },
    { type: 'refusal.delta', text: 'No.' },
    { type: 'completed', finishReason: 'stop', model: 'm', serviceTier: 'flex' },
  ]);
});

test('calls are numbered among themselves, wherever they stand in the output', () => {
  const at = (place: number) => ({ output_index: place, item_id: `fc_${place}` });
  const events = eventsOf(
    { type: 'response.output_item.added', ...at(1), item: callItem() },
    { type: 'response.output_item.added', ...at(3), item: callItem({ call_id: 'call_3' }) },
    { type: 'response.function_call_arguments.delta', ...at(3), delta: '{"a"' },
    { type: 'response.function_call_arguments.delta', ...at(1), delta: '{}' },
    { type: 'response.function_call_arguments.delta', ...at(3), delta: ':1}' },
    { type: 'response.output_item.done', ...at(1), item: callItem({ arguments: '{}' }) },
    { type: 'response.output_item.done', ...at(3), item: callItem({ arguments: '{"a":1}' }) },
    completed(),
  );
  const begun = (index: number, id: string) => {
    return { type: 'tool.call', index, id, name: 'weather', arguments: '' };
  };
  assert.deepEqual(events, [
    begun(0, 'call_1'),
    begun(1, 'call_3'),
    { type: 'tool.call', index: 1, arguments: '{"a"' },
    { type: 'tool.call', index: 0, arguments: '{}' },
    { type: 'tool.call', index: 1, arguments: ':1}' },
    { type: 'completed', finishReason: 'tool_calls', model: 'm' },
  ]);
});

test('arguments that come in one piece, and only at the end, are not lost', () => {
  const item = callItem({ arguments: '{"city":"Oslo"}' });
  const events = eventsOf(
    { type: 'response.output_item.done', output_index: 0, item },
    completed(),
  );
  const args = events.map((event) => (event.type === 'tool.call' ? event.arguments : ''));
  assert.equal(args.join(''), '{"city":"Oslo"}');
});

test('a whole response says the same as its stream', () => {
  const events = eventsOf({
    ...DONE,
    output: [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }], content: [] },
      {
        type: 'message',
        content: [
          { type: 'output_text', text: 'Hello', annotations: [], logprobs: [] },
          { type: 'refusal', refusal: 'No.' },
        ],
      },
      { type: 'web_search_call', id: 'ws_1' },
      callItem({ arguments: '{}' }),
    ],
  });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['reasoning.delta', 'text.delta', 'refusal.delta', 'tool.call', 'tool.call', 'completed'],
  );
});

test('usage has the names of chat completions, with its details', () => {
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 2 },
    total_tokens: 15,
  };
  const [said] = eventsOf(completed({ usage }));
  assert.deepEqual(said, {
    type: 'usage',
    usage: {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 2 },
    },
  });
});

test('what is incomplete says why', () => {
  for (const [reason, finishReason] of [
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['something new', 'length'],
  ]) {
    const response = { ...DONE, status: 'incomplete', incomplete_details: { reason } };
    const last = eventsOf({ type: 'response.incomplete', response }).at(-1);
    assert.ok(last?.type === 'completed' && last.finishReason === finishReason);
  }
});

test('a failure has a code and no secrets, wherever it stands', () => {
  const error = { code: 'server_error', message: 'Overloaded by key-for-tests.' };
  for (const chunk of [
    { type: 'error', ...error },
    { type: 'error', error },
    { type: 'response.failed', response: { ...DONE, status: 'failed', error } },
    { ...DONE, status: 'failed', error },
  ]) {
    assert.throws(() => eventsOf(chunk), {
      code: 'provider_error',
      retryable: true,
      message: 'Overloaded by [removed].',
    });
  }
});

test('what is no response is provider_bad_response', () => {
  for (const chunk of [
    1,
    null,
    [],
    {},
    { choices: [] },
    { type: 'response.output_text.delta', delta: 1 },
    { type: 'response.output_item.added', output_index: 0, item: { type: 'function_call' } },
    { type: 'response.function_call_arguments.delta', output_index: 7, delta: '{' },
    { type: 'response.completed', response: {} },
    { ...DONE, output: [1] },
  ]) {
    assert.throws(() => eventsOf(chunk), { code: 'provider_bad_response' }, JSON.stringify(chunk));
  }
});

test('a stream without its last event is cut', () => {
  assert.throws(() => eventsOf(delta('Hel')), { code: 'provider_stream_cut' });
});
