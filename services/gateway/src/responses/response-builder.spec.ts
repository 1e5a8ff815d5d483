import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { errorEvent } from './error-event.ts';
import { parseResponseRequest } from './parse-response.ts';
import { ResponseBuilder } from './response-builder.ts';
import { ResponseSchema, StreamEventSchema } from './standard-schema.ts';

const { echo } = parseResponseRequest({ model: 'm', input: 'Hello', metadata: { a: 'b' } });
const HEAD = {
  id: 'resp_r1',
  createdAtMs: 1_700_000_000_999,
  model: 'm',
  background: false,
  echo,
};

const STARTED: RunEvent = { type: 'started', worker: 'w' };
const STOP: RunEvent = { type: 'completed', finishReason: 'stop', atMs: 1_700_000_012_500 };
const text = (value: string): RunEvent => ({ type: 'text.delta', text: value });
const own = (id: string, json: string): RunEvent => ({
  type: 'tool.started',
  id,
  name: 'read',
  source: 'files',
  arguments: json,
});
const USAGE: RunEvent = {
  type: 'usage',
  usage: {
    prompt_tokens: 3,
    completion_tokens: 2,
    total_tokens: 5,
    prompt_tokens_details: { cached_tokens: 1, cache_write_tokens: 4 },
  },
};

function built(...events: RunEvent[]) {
  const builder = new ResponseBuilder(HEAD);
  const stream = [...builder.opening(), ...events.flatMap((event) => builder.take(event))];
  return { stream, types: stream.map(({ type }) => type), response: builder.response, builder };
}

/** Without the beginning and the end that every stream has. */
const middle = (types: readonly string[]): string[] =>
  types.slice(3, -1).map((type) => type.replace('response.', ''));

const statuses = (response: ReturnType<typeof built>['response']): unknown[] =>
  response.output.map(({ type, status }) => [type, status]);

describe('a response', () => {
  it('is queued, then runs, then has the text, the tokens and the time of its end', () => {
    const builder = new ResponseBuilder(HEAD);
    assert.equal(builder.response.status, 'queued');
    builder.take(STARTED);
    assert.equal(builder.response.status, 'in_progress');
    const { response } = built(STARTED, text('Hel'), text('lo'), USAGE, STOP);
    assert.deepEqual(ResponseSchema.parse(response), response);
    assert.deepEqual(
      [response.status, response.id, response.created_at, response.completed_at],
      ['completed', 'resp_r1', 1_700_000_000, 1_700_000_012],
    );
    assert.deepEqual(response.usage, {
      input_tokens: 3,
      input_tokens_details: { cached_tokens: 1, cache_write_tokens: 4 },
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 5,
    });
    assert.deepEqual(response.output, [
      {
        type: 'message',
        id: 'msg_r1_0',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
      },
    ]);
    assert.deepEqual(response.metadata, { a: 'b' });
  });

  it('was never over before it was made, and the end of an older worker has no time', () => {
    for (const [atMs, completedAt] of [
      [HEAD.createdAtMs - 5_000, 1_700_000_000],
      [undefined, null],
    ] as const) {
      const end: RunEvent = { type: 'completed', finishReason: 'stop' };
      const { response } = built(STARTED, atMs === undefined ? end : { ...end, atMs });
      assert.deepEqual([response.status, response.completed_at], ['completed', completedAt]);
    }
  });

  it('has every nullable field: a missing one is refused by our schema', () => {
    const { response } = built();
    for (const name of Object.keys(ResponseSchema.shape)) {
      const without: Record<string, unknown> = { ...response };
      delete without[name];
      assert.equal(ResponseSchema.safeParse(without).success, false, name);
    }
  });

  it('is incomplete when the model was cut off, and the item it was writing too', () => {
    for (const [finishReason, reason] of [
      ['length', 'max_output_tokens'],
      ['content_filter', 'content_filter'],
    ] as const) {
      const call: RunEvent = { type: 'tool.call', index: 0, id: 'c', name: 'f', arguments: '{' };
      const { response, types } = built(STARTED, text('x'), call, {
        type: 'completed',
        finishReason,
        atMs: 1_700_000_012_500,
      });
      assert.deepEqual(
        [response.status, response.incomplete_details, response.completed_at, types.at(-1)],
        ['incomplete', { reason }, null, 'response.incomplete'],
      );
      assert.deepEqual(statuses(response), [
        ['message', 'completed'],
        ['function_call', 'incomplete'],
      ]);
    }
  });

  it('has the calls before the one that was cut off, whole', () => {
    const { response } = built(
      STARTED,
      { type: 'tool.call', index: 0, id: 'c1', name: 'f', arguments: '{}' },
      { type: 'tool.call', index: 1, id: 'c2', name: 'f', arguments: '{' },
      { type: 'completed', finishReason: 'length' },
    );
    assert.deepEqual(statuses(response), [
      ['function_call', 'completed'],
      ['function_call', 'incomplete'],
    ]);
  });

  it('says why it failed, and ends as incomplete event with status cancelled', () => {
    const failed = built(STARTED, text('x'), {
      type: 'failed',
      code: 'worker_lost',
      message: 'Lost.',
    });
    assert.deepEqual(
      [failed.response.status, failed.response.error, failed.types.at(-1)],
      ['failed', { code: 'worker_lost', message: 'Lost.' }, 'response.failed'],
    );
    assert.deepEqual(statuses(failed.response), [['message', 'incomplete']]);
    const cancelled = built({ type: 'cancelled', reason: 'requested' });
    assert.deepEqual(cancelled.types, [
      'response.created',
      'response.queued',
      'response.incomplete',
    ]);
    assert.equal(cancelled.response.status, 'cancelled');
    assert.equal(cancelled.response.incomplete_details, null);
  });

  it('has an empty message when the model said nothing', () => {
    const { response } = built(STARTED, STOP);
    assert.deepEqual(statuses(response), [['message', 'completed']]);
  });

  it('keeps what it was: later events do not change a response that was given out', () => {
    const builder = new ResponseBuilder(HEAD);
    builder.take(STARTED);
    builder.take(text('a'));
    const before = structuredClone(builder.response);
    const given = builder.response;
    builder.take(text('b'));
    builder.take(STOP);
    assert.deepEqual(given, before);
  });

  it('does not fail for what tools said: what is too much is not shown', () => {
    const output = 'x'.repeat(1024 * 1024);
    const loop: RunEvent[] = [own('c', '"y"'), { type: 'tool.result', id: 'c', output }];
    const { response } = built(
      STARTED,
      ...Array.from({ length: 40 }, () => loop).flat(),
      text('Done.'),
      STOP,
    );
    assert.equal(response.status, 'completed');
    const shown = response.output.filter((item) => item.type === 'mcp_call');
    assert.equal(shown.length, 40);
    assert.equal(shown.filter((item) => item.output === output).length, 3);
    assert.ok(JSON.stringify(response).length < 4.1 * output.length);
    for (const { arguments: json } of shown) JSON.parse(json);
  });

  it('is bounded: an answer without end fails instead of filling the memory', () => {
    const builder = new ResponseBuilder(HEAD);
    const long = text('x'.repeat(1024 * 1024));
    const fill = (events: readonly RunEvent[]) => () => {
      for (let count = 0; count < 10_000; count += 1)
        events.forEach((event) => builder.take(event));
    };
    assert.throws(fill([long]), { code: 'provider_bad_response' });
    const short: RunEvent[] = [{ type: 'reasoning.delta', text: 'x' }, text('x')];
    builder.take(STARTED);
    builder.take(STARTED);
    assert.throws(fill(short), { code: 'provider_bad_response' });
  });
});

describe('the stream of a response', () => {
  it('shows text and refusal as parts of one message', () => {
    const { types, stream } = built(
      STARTED,
      text('Hel'),
      text('lo'),
      { type: 'refusal.delta', text: 'No.' },
      STOP,
    );
    assert.deepEqual(middle(types), [
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'content_part.added',
      'refusal.delta',
      'refusal.done',
      'content_part.done',
      'output_item.done',
    ]);
    for (const event of stream) assert.deepEqual(StreamEventSchema.parse(event), event);
    const places = stream.flatMap((event) => ('content_index' in event ? event.content_index : []));
    assert.deepEqual(places, [0, 0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('shows reasoning as an item before the message', () => {
    const { types, response } = built(
      STARTED,
      { type: 'reasoning.delta', text: 'hm' },
      text('x'),
      STOP,
    );
    assert.deepEqual(middle(types).slice(0, 7), [
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
    ]);
    assert.deepEqual(statuses(response), [
      ['reasoning', 'completed'],
      ['message', 'completed'],
    ]);
  });

  it('shows calls, also several that are written at a time', () => {
    const { types, response, stream } = built(
      STARTED,
      { type: 'tool.call', index: 1, id: 'c2', name: 'g', arguments: '' },
      { type: 'tool.call', index: 0, id: 'c1', arguments: '{"a"' },
      { type: 'tool.call', index: 0, name: 'f' },
      { type: 'tool.call', index: 1, arguments: '{}' },
      { type: 'tool.call', index: 0, arguments: ':1}' },
      { type: 'completed', finishReason: 'tool_calls' },
    );
    assert.deepEqual(middle(types), [
      'output_item.added',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.delta',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'function_call_arguments.done',
      'output_item.done',
    ]);
    const places = stream.flatMap((event) => ('output_index' in event ? event.output_index : []));
    assert.deepEqual(places, [0, 1, 1, 0, 1, 0, 0, 1, 1]);
    const type = 'function_call';
    const status = 'completed';
    assert.deepEqual(response.output, [
      { type, id: 'fc_r1_0', call_id: 'c2', name: 'g', arguments: '{}', status },
      { type, id: 'fc_r1_1', call_id: 'c1', name: 'f', arguments: '{"a":1}', status },
    ]);
  });

  it("shows the agent's own calls as they run, between the messages of two steps", () => {
    const { types, response, stream } = built(
      STARTED,
      text('One moment.'),
      own('c1', '{"a":1}'),
      own('c2', ''),
      { type: 'tool.result', id: 'c2', output: 'no such file', failed: true },
      { type: 'tool.result', id: 'c1', output: 'noon' },
      text('It is noon.'),
      STOP,
    );
    assert.deepEqual(middle(types).slice(5, -6), [
      'output_item.done',
      'output_item.added',
      'mcp_call.in_progress',
      'mcp_call_arguments.delta',
      'mcp_call_arguments.done',
      'output_item.added',
      'mcp_call.in_progress',
      'mcp_call_arguments.done',
      'mcp_call.failed',
      'output_item.done',
      'mcp_call.completed',
      'output_item.done',
    ]);
    for (const event of stream) assert.deepEqual(StreamEventSchema.parse(event), event);
    const call = { type: 'mcp_call', server_label: 'files', name: 'read' };
    const content = [{ type: 'text', text: 'no such file' }];
    const error = { type: 'mcp_tool_execution_error', content };
    assert.deepEqual(response.output.slice(1, 3), [
      {
        ...call,
        id: 'mcp_r1_1',
        arguments: '{"a":1}',
        output: 'noon',
        error: null,
        status: 'completed',
      },
      { ...call, id: 'mcp_r1_2', arguments: '', output: null, error, status: 'failed' },
    ]);
    assert.deepEqual(statuses(response), [
      ['message', 'completed'],
      ['mcp_call', 'completed'],
      ['mcp_call', 'failed'],
      ['message', 'completed'],
    ]);
  });

  it('gives each of several own calls with one id its own result, and a stray one to none', () => {
    const result = (output: string): RunEvent => ({ type: 'tool.result', id: 'c', output });
    const { response } = built(
      STARTED,
      own('c', '1'),
      own('c', '2'),
      result('first'),
      result('second'),
      result('stray'),
      own('c', '3'),
      result('third'),
      STOP,
    );
    const calls = response.output.map((item) =>
      item.type === 'mcp_call' ? [item.arguments, item.output] : [],
    );
    assert.deepEqual(calls, [
      ['1', 'first'],
      ['2', 'second'],
      ['3', 'third'],
    ]);
  });

  it('closes an own call that has no result as incomplete, however the run goes on', () => {
    const ends: readonly (readonly RunEvent[])[] = [
      [STOP],
      [{ type: 'cancelled', reason: 'requested' }],
      [{ type: 'failed', code: 'worker_lost', message: 'Lost.' }],
      [STARTED, STOP],
    ];
    for (const rest of ends) {
      const { stream } = built(STARTED, own('c', '{}'), ...rest);
      const done = stream.find(({ type }) => type === 'response.output_item.done');
      assert.ok(done !== undefined && 'item' in done);
      assert.deepEqual([done.item.id, done.item.status], ['mcp_r1_0', 'incomplete']);
    }
  });

  it('gives a result of a lost attempt to no call of the next one', () => {
    const { response, types } = built(
      STARTED,
      own('c', '{}'),
      STARTED,
      { type: 'tool.result', id: 'c', output: 'late' },
      own('c', '{}'),
      STOP,
    );
    assert.equal(types.includes('response.mcp_call.completed'), false, 'nor to the lost one');
    assert.deepEqual(statuses(response), [['mcp_call', 'incomplete']]);
  });

  it('tells calls apart whose provider gives no ids, or the same twice', () => {
    const { response } = built(
      STARTED,
      { type: 'tool.call', index: 0, name: 'f', arguments: '{}' },
      { type: 'tool.call', index: 1, id: 'c', name: 'f', arguments: '{}' },
      { type: 'tool.call', index: 2, id: 'c', name: 'f', arguments: '{}' },
      STOP,
    );
    const ids = response.output.map((item) => (item.type === 'function_call' ? item.call_id : ''));
    assert.deepEqual(ids, ['call_r1_0', 'c', 'call_r1_2']);
  });

  it('carries log probabilities in the form of the standard', () => {
    const token = { token: 'é', logprob: -0.5, bytes: null };
    const logprobs = { content: [{ ...token, top_logprobs: [token] }], refusal: null };
    const { stream } = built(STARTED, { type: 'text.delta', text: 'é', logprobs }, STOP);
    const delta = stream.find(({ type }) => type === 'response.output_text.delta');
    const clean = { ...token, bytes: [0xc3, 0xa9] };
    assert.ok(delta !== undefined && 'logprobs' in delta);
    assert.deepEqual(delta.logprobs, [{ ...clean, top_logprobs: [clean] }]);
    for (const event of stream) assert.deepEqual(StreamEventSchema.parse(event), event);
  });

  it('shows a restart: what was open is closed as incomplete, and new items follow', () => {
    const call: RunEvent = { type: 'tool.call', index: 0, id: 'c', name: 'f', arguments: '{}' };
    const { stream, types, response } = built(
      STARTED,
      text('Hel'),
      call,
      USAGE,
      STARTED,
      text('Hallo'),
      call,
      STOP,
    );
    const closed = stream.flatMap((event) =>
      event.type === 'response.output_item.done' ? [[event.item.id, event.item.status]] : [],
    );
    assert.deepEqual(closed, [
      ['msg_r1_0', 'completed'],
      ['fc_r1_1', 'incomplete'],
      ['msg_r1_2', 'completed'],
      ['fc_r1_3', 'completed'],
    ]);
    assert.equal(types.filter((type) => type === 'response.in_progress').length, 1);
    assert.deepEqual(
      response.output.map(({ id }) => id),
      ['msg_r1_2', 'fc_r1_3'],
    );
    assert.equal(response.usage, null);
  });

  it('has the tokens of all steps: each count is of the whole run so far', () => {
    const step: RunEvent = {
      type: 'usage',
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    };
    const { response } = built(STARTED, step, own('c', '{}'), USAGE, STOP);
    assert.equal(response.usage?.total_tokens, 5);
  });

  it('does not show a takeover of a run that had shown nothing', () => {
    assert.deepEqual(
      built(STARTED, STARTED, text('x'), STOP).types,
      built(STARTED, text('x'), STOP).types,
    );
  });

  it('ends once', () => {
    const { builder, stream } = built(STARTED, text('x'), STOP);
    assert.ok(builder.ended);
    assert.deepEqual(builder.take({ type: 'cancelled', reason: 'requested' }), []);
    assert.deepEqual(builder.take(text('y')), []);
    assert.equal(builder.lastSequenceNumber, stream.at(-1)?.sequence_number);
  });

  it('can be ended by an error that takes no number of the run', () => {
    const error = { type: 'server_error', code: 'shutting_down', message: 'Bye.', param: null };
    const event = errorEvent(7, error);
    assert.deepEqual(StreamEventSchema.parse(event), event);
    assert.equal(event.sequence_number, 7);
  });
});
