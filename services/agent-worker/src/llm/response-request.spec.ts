import assert from 'node:assert/strict';
import { test } from 'node:test';
import { responseRequest } from './response-request.ts';

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const item = (message: object) => ({ type: 'message', ...message });

function requestOf(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...responseRequest({ model: 'm', stream: true, messages: MESSAGES, ...fields }) };
}

test('nothing is stored, and nothing is said that was not asked', () => {
  assert.deepEqual(requestOf(), {
    model: 'm',
    stream: true,
    store: false,
    input: [{ type: 'message', role: 'user', content: 'Hello' }],
  });
  assert.equal(requestOf({ store: true })['store'], false);
});

test('instructions are what the conversation begins with; later ones keep their place', () => {
  const late = { role: 'system', content: 'Now in French.' };
  const { input, instructions } = requestOf({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Be kind.' },
      ...MESSAGES,
      late,
    ],
  });
  assert.equal(instructions, 'Be brief.\n\nBe kind.');
  assert.deepEqual(input, [...MESSAGES, late].map(item));
});

test('a conversation of instructions alone is input, as there must be some', () => {
  const messages = [{ role: 'system', content: 'Say hello.' }];
  const { input, instructions } = requestOf({ messages });
  assert.deepEqual([input, instructions], [messages.map(item), undefined]);
});

test('parts of a message have other names, unknown ones go through as they are', () => {
  const content = [
    { type: 'text', text: 'Look.' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
    { type: 'image_url', image_url: { url: 'https://host/x.png' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:,' } },
    { type: 'hologram', of: 'Leia' },
  ];
  assert.deepEqual(requestOf({ messages: [{ role: 'user', content }] })['input'], [
    {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'Look.' },
        { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' },
        { type: 'input_image', image_url: 'https://host/x.png', detail: 'auto' },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:,' },
        { type: 'hologram', of: 'Leia' },
      ],
    },
  ]);
});

test('calls and their results are items, in their order', () => {
  const call = (id: string) => ({
    id,
    type: 'function',
    function: { name: 'weather', arguments: '{"city":"Oslo"}' },
  });
  const messages = [
    ...MESSAGES,
    { role: 'assistant', content: 'Let me see.', tool_calls: [call('c1'), call('c2')] },
    { role: 'tool', tool_call_id: 'c1', content: 'rain' },
    { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: 'snow' }] },
    { role: 'assistant', content: null, tool_calls: [call('c3')] },
    { role: 'tool', tool_call_id: 'c3', content: '' },
  ];
  const called = (id: string) => ({
    type: 'function_call',
    call_id: id,
    name: 'weather',
    arguments: '{"city":"Oslo"}',
  });
  assert.deepEqual(requestOf({ messages })['input'], [
    ...MESSAGES.map(item),
    item({ role: 'assistant', content: 'Let me see.' }),
    called('c1'),
    called('c2'),
    { type: 'function_call_output', call_id: 'c1', output: 'rain' },
    {
      type: 'function_call_output',
      call_id: 'c2',
      output: [{ type: 'input_text', text: 'snow' }],
    },
    called('c3'),
    { type: 'function_call_output', call_id: 'c3', output: '' },
  ]);
});

test('a refusal is part of what the assistant said', () => {
  const messages = [...MESSAGES, { role: 'assistant', content: null, refusal: 'No.' }];
  assert.deepEqual((requestOf({ messages })['input'] as unknown[])[1], {
    type: 'message',
    role: 'assistant',
    content: [{ type: 'refusal', refusal: 'No.' }],
  });
});

test('tools are flat, and only strict where they say so', () => {
  const parameters = { type: 'object', properties: {} };
  const tools = [
    { type: 'function', function: { name: 'a', description: 'A.', parameters } },
    { type: 'function', function: { name: 'b', parameters, strict: true } },
  ];
  assert.deepEqual(requestOf({ tools })['tools'], [
    { type: 'function', name: 'a', description: 'A.', parameters, strict: false },
    { type: 'function', name: 'b', parameters, strict: true },
  ]);
});

test('every tool_choice is translated', () => {
  const named = (name: string) => ({ type: 'function', function: { name } });
  for (const choice of ['none', 'auto', 'required']) {
    assert.equal(requestOf({ tool_choice: choice })['tool_choice'], choice);
  }
  assert.deepEqual(requestOf({ tool_choice: named('a') })['tool_choice'], {
    type: 'function',
    name: 'a',
  });
  const allowed = {
    type: 'allowed_tools',
    allowed_tools: { mode: 'required', tools: [named('a')] },
  };
  assert.deepEqual(requestOf({ tool_choice: allowed })['tool_choice'], {
    type: 'allowed_tools',
    mode: 'required',
    tools: [{ type: 'function', name: 'a' }],
  });
});

test('the format of the answer and its verbosity are its text', () => {
  const schema = { name: 'weather', schema: { type: 'object' }, strict: true };
  const format = { type: 'json_schema', json_schema: schema };
  assert.deepEqual(requestOf({ response_format: format, verbosity: 'low' })['text'], {
    format: { type: 'json_schema', ...schema },
    verbosity: 'low',
  });
  assert.deepEqual(requestOf({ response_format: { type: 'json_object' } })['text'], {
    format: { type: 'json_object' },
  });
  assert.equal(requestOf({ response_format: { type: 'text' } })['text'], undefined);
});

test('the shortest limit holds, under its name here', () => {
  const limits = { max_tokens: 900, max_completion_tokens: 50 };
  const request = requestOf(limits);
  assert.equal(request['max_output_tokens'], 50);
  for (const name of Object.keys(limits)) assert.equal(name in request, false);
});

test("reasoning is asked for as the caller, or the agent's defaults, ask", () => {
  const reasoning = { summary: 'auto', effort: 'high' };
  assert.deepEqual(requestOf({ reasoning, reasoning_effort: 'low' })['reasoning'], {
    summary: 'auto',
    effort: 'low',
  });
  assert.deepEqual(requestOf({ reasoning_effort: 'low' })['reasoning'], { effort: 'low' });
});

test('log probabilities are something to include', () => {
  const request = requestOf({ logprobs: true, top_logprobs: 3 });
  assert.deepEqual(request['include'], ['message.output_text.logprobs']);
  assert.equal(request['top_logprobs'], 3);
  assert.equal('logprobs' in request, false);
});

test('what has the same name goes through, also what only the provider knows', () => {
  const same = { temperature: 0.2, user: 'ann', parallel_tool_calls: false, stop: ['x'], seed: 1 };
  const request = requestOf({ ...same, n: 1, stream_options: { include_usage: true } });
  for (const [name, value] of Object.entries(same)) assert.deepEqual(request[name], value);
  assert.equal('n' in request || 'stream_options' in request, false);
});
