import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { parseResponseRequest } from './parse-response.ts';
import { ItemSchema } from './standard-schema.ts';

const TOOL = { type: 'function', name: 'f', parameters: { type: 'object' } };
const CALL = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
const OUTPUT = { type: 'function_call_output', call_id: 'c1', output: '42' };

const body = (fields: object) => ({ model: 'm', input: 'Hello', ...fields });
const input = (...items: unknown[]) => ({ model: 'm', input: items });
const user = (...content: unknown[]) => input({ role: 'user', content });
const image = (fields: object) => user({ type: 'input_image', ...fields });
const file = (fields: object) => user({ type: 'input_file', ...fields });

function refusalOf(value: unknown): SwitchboardError {
  try {
    parseResponseRequest(value);
  } catch (error) {
    assert.ok(error instanceof SwitchboardError, String(error));
    return error;
  }
  throw new Error('it was accepted');
}

/** Body, `param`, and a part of the sentence. */
const INVALID: readonly (readonly [unknown, string | undefined, RegExp])[] = [
  [undefined, undefined, /must be a JSON object/],
  [[], undefined, /must be a JSON object/],
  [{ input: 'x' }, 'model', /is required/],
  [body({ model: '' }), 'model', /must not be empty/],
  [{ model: 'm' }, 'input', /is required/],
  [body({ input: null }), 'input', /is required/],
  [body({ input: [] }), 'input', /at least one message/],
  [input({ type: 'reasoning', summary: [] }), 'input', /at least one message/],
  [body({ input: 5 }), 'input', /string or an array of input items/],
  [input('x'), 'input[0]', /must be an object/],
  [input({ content: 'x' }), 'input[0].type', /must be one of "message"/],
  [input({ role: 'robot', content: 'x' }), 'input[0].role', /must be one of "user"/],
  [input({ role: 'user' }), 'input[0].content', /string or an array of content parts/],
  [user('x'), 'input[0].content[0]', /must be an object/],
  [user({ type: 'input_text' }), 'input[0].content[0].text', /is required/],
  [user({ type: 'output_text', text: 'x' }), 'input[0].content[0].type', /must be one of/],
  [
    input({ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }),
    'input[0].content[0].type',
    /"output_text", "refusal"/,
  ],
  [
    input({ role: 'system', content: [{ type: 'input_image', image_url: 'x' }] }),
    'input[0].content[0].type',
    /must be/,
  ],
  [image({}), 'input[0].content[0].image_url', /is required/],
  [image({ image_url: 'x', detail: 'huge' }), 'input[0].content[0].detail', /must be "low"/],
  [file({ filename: 'x' }), 'input[0].content[0].file_data', /is required/],
  [input({ ...CALL, call_id: '' }), 'input[0].call_id', /must not be empty/],
  [input({ ...CALL, arguments: {} }), 'input[0].arguments', /must be a string/],
  [input(CALL, { ...OUTPUT, output: 5 }), 'input[1].output', /string or an array/],
  [input(OUTPUT), 'input[0].call_id', /names no function call/],
  [input({ type: 'mcp_call', name: 'x' }), 'input[0].server_label', /is required/],
  [input(OUTPUT, CALL), 'input[0].call_id', /names no function call/],
  [body({ instructions: 5 }), 'instructions', /must be a string/],
  [body({ previous_response_id: '' }), 'previous_response_id', /must not be empty/],
  [body({ stream: 'yes' }), 'stream', /must be a boolean/],
  [body({ stream_options: {} }), 'stream_options', /only allowed with `stream`/],
  [body({ background: true, store: false }), 'background', /needs `store`/],
  [body({ store: 'no' }), 'store', /must be a boolean/],
  [body({ metadata: { a: 1 } }), 'metadata.a', /must be a string/],
  [body({ metadata: { a: 'x'.repeat(513) } }), 'metadata.a', /at most 512 characters/],
  [body({ metadata: { ['k'.repeat(65)]: 'x' } }), 'metadata', /keys of at most 64/],
  [
    body({ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, key) => [key, 'x'])) }),
    'metadata',
    /at most 16 entries/,
  ],
  [body({ include: [5] }), 'include[0]', /must be/],
  [body({ truncation: 'middle' }), 'truncation', /must be "auto" or "disabled"/],
  [body({ tools: {} }), 'tools', /must be an array/],
  [body({ tools: [{ type: 'function' }] }), 'tools[0].name', /is required/],
  [body({ tool_choice: 'maybe' }), 'tool_choice', /"none", "auto", "required" or an object/],
  [body({ tool_choice: 'required' }), 'tool_choice', /only allowed with `tools`/],
  [
    body({ tools: [TOOL], tool_choice: { type: 'function', name: 'g' } }),
    'tool_choice.name',
    /not one of `tools`/,
  ],
  [
    body({
      tools: [TOOL],
      tool_choice: { type: 'allowed_tools', tools: [{ type: 'function', name: 'g' }] },
    }),
    'tool_choice.tools[0].name',
    /not one of `tools`/,
  ],
  [body({ parallel_tool_calls: 1 }), 'parallel_tool_calls', /must be a boolean/],
  [body({ text: { format: { type: 'xml' } } }), 'text.format.type', /"json_schema"/],
  [
    body({ text: { format: { type: 'json_schema', name: 'x' } } }),
    'text.format.schema',
    /required/,
  ],
  [body({ text: { verbosity: 'loud' } }), 'text.verbosity', /must be "low"/],
  [body({ reasoning: { effort: 'extreme' } }), 'reasoning.effort', /must be "none"/],
  [body({ max_output_tokens: 15 }), 'max_output_tokens', /at least 16/],
  [body({ temperature: 2.1 }), 'temperature', /at most 2/],
  [body({ top_p: -0.1 }), 'top_p', /at least 0/],
  [body({ presence_penalty: 3 }), 'presence_penalty', /at most 2/],
  [body({ frequency_penalty: 'x' }), 'frequency_penalty', /must be a number/],
  [body({ top_logprobs: 21 }), 'top_logprobs', /at most 20/],
  [body({ service_tier: 1 }), 'service_tier', /must be a string/],
  [body({ user: 5 }), 'user', /must be a string/],
  [body({ safety_identifier: 'x'.repeat(65) }), 'safety_identifier', /at most 64/],
  [body({ prompt_cache_key: 5 }), 'prompt_cache_key', /must be a string/],
];

const UNSUPPORTED: readonly (readonly [unknown, string])[] = [
  [body({ conversation: 'conv_1' }), 'conversation'],
  [body({ prompt: { id: 'pmpt_1' } }), 'prompt'],
  [body({ context_management: [] }), 'context_management'],
  [body({ moderation: {} }), 'moderation'],
  [body({ max_tool_calls: 1 }), 'max_tool_calls'],
  [body({ messages: [] }), 'messages'],
  [body({ max_tokens: 5 }), 'max_tokens'],
  [body({ max_completion_tokens: 5 }), 'max_completion_tokens'],
  [body({ response_format: {} }), 'response_format'],
  [body({ reasoning_effort: 'low' }), 'reasoning_effort'],
  [body({ verbosity: 'low' }), 'verbosity'],
  [body({ n: 1 }), 'n'],
  [body({ include: ['reasoning.encrypted_content'] }), 'include[0]'],
  [body({ include: ['message.output_text.logprobs', 'web_search_call.results'] }), 'include[1]'],
  [body({ tools: [TOOL, { type: 'web_search' }] }), 'tools[1].type'],
  [body({ tools: [{ type: 'custom', name: 'x' }] }), 'tools[0].type'],
  [body({ tools: [{ ...TOOL, defer_loading: true }] }), 'tools[0].defer_loading'],
  [body({ tool_choice: { type: 'web_search_preview' } }), 'tool_choice.type'],
  [
    body({ tool_choice: { type: 'allowed_tools', tools: [{ type: 'mcp' }] } }),
    'tool_choice.tools[0].type',
  ],
  [body({ reasoning: { summary: 'detailed' } }), 'reasoning.summary'],
  [body({ reasoning: { generate_summary: 'auto' } }), 'reasoning.generate_summary'],
  [body({ text: { colour: 'red' } }), 'text.colour'],
  [
    body({ stream: true, stream_options: { include_obfuscation: true } }),
    'stream_options.include_obfuscation',
  ],
  [body({ stream: true, stream_options: { include_usage: true } }), 'stream_options.include_usage'],
  [input({ type: 'item_reference', id: 'msg_1' }), 'input[0].type'],
  [input({ id: 'msg_1' }), 'input[0]'],
  [input({ role: 'user', content: 'x' }, { type: 'web_search_call' }), 'input[1].type'],
  [user({ type: 'input_audio' }), 'input[0].content[0].type'],
  [image({ file_id: 'file_1' }), 'input[0].content[0].file_id'],
  [file({ file_url: 'https://x.test/a.pdf' }), 'input[0].content[0].file_url'],
  [
    input(CALL, { ...OUTPUT, output: [{ type: 'input_image', image_url: 'x' }] }),
    'input[1].output[0].type',
  ],
];

describe('parseResponseRequest', () => {
  for (const [value, param, sentence] of INVALID) {
    it(`refuses ${JSON.stringify(value)?.slice(0, 90)} naming ${param ?? 'the body'}`, () => {
      const error = refusalOf(value);
      assert.deepEqual([error.code, error.param], ['invalid_request', param], error.message);
      assert.match(error.message, sentence);
      assert.match(error.message, /\.$/);
      if (param !== undefined) assert.ok(error.message.startsWith(`\`${param}\` `));
    });
  }

  for (const [value, param] of UNSUPPORTED) {
    it(`refuses what it does not do, by name: ${param} in ${JSON.stringify(value).slice(0, 80)}`, () => {
      const error = refusalOf(value);
      assert.deepEqual([error.code, error.param], ['unsupported_parameter', param], error.message);
      assert.match(error.message, /\.$/);
    });
  }

  it('takes a text as one message of the user', () => {
    const parsed = parseResponseRequest(body({}), (kind) => `${kind}_1`);
    assert.deepEqual(parsed.chat, { messages: [{ role: 'user', content: 'Hello' }] });
    assert.deepEqual(parsed.inputItems, [
      {
        type: 'message',
        id: 'message_1',
        status: 'completed',
        role: 'user',
        content: [{ type: 'input_text', text: 'Hello' }],
      },
    ]);
    const { model, stream, background, store, instructions, previousResponseId } = parsed;
    assert.deepEqual(
      [model, stream, background, store, instructions, previousResponseId],
      ['m', false, false, true, null, null],
    );
  });

  it('takes every kind of item, and puts instructions before them', () => {
    const parsed = parseResponseRequest({
      ...input(
        { role: 'system', content: 'Be short.' },
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be kind.' }] },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==' },
            { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' },
          ],
        },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }] },
        {
          role: 'assistant',
          content: [
            { type: 'output_text', text: 'I ' },
            { type: 'output_text', text: 'ask.' },
          ],
        },
        CALL,
        { ...CALL, call_id: 'c2', name: 'g' },
        OUTPUT,
        { ...OUTPUT, call_id: 'c2', output: [{ type: 'input_text', text: '43' }] },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
        { role: 'assistant', content: 'Well.' },
      ),
      instructions: 'Answer.',
    });
    const calls = ['f', 'g'].map((name, index) => ({
      id: `c${index + 1}`,
      type: 'function',
      function: { name, arguments: '{}' },
    }));
    assert.deepEqual(parsed.chat.messages, [
      { role: 'system', content: 'Answer.' },
      { role: 'system', content: 'Be short.' },
      { role: 'developer', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'auto' } },
          {
            type: 'file',
            file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' },
          },
        ],
      },
      { role: 'assistant', content: 'I ask.', tool_calls: calls },
      { role: 'tool', tool_call_id: 'c1', content: '42' },
      { role: 'tool', tool_call_id: 'c2', content: '43' },
      { role: 'assistant', content: null, refusal: 'No.' },
      { role: 'assistant', content: 'Well.' },
    ]);
    for (const item of parsed.inputItems) assert.deepEqual(ItemSchema.parse(item), item);
    assert.equal(new Set(parsed.inputItems.map(({ id }) => id)).size, 11);
    assert.equal(parsed.inputItems[3]?.id, 'rs_1');
  });

  it("takes the agent's own calls back, in all forms that errors have had", () => {
    const own = { type: 'mcp_call', server_label: 'files', name: 'read', arguments: '{}' };
    const text = (value: unknown) => ({ type: 'mcp_tool_execution_error', content: value });
    const { chat, inputItems } = parseResponseRequest(
      input(
        { ...own, id: 'mcp_1', output: 'found', approval_request_id: null },
        { ...own, output: null, error: 'lost' },
        { ...own, error: text([{ type: 'text', text: 'no' }, { type: 'image' }]) },
        { ...own, error: { type: 'http_error', code: 500, message: 'down' } },
        { ...own, status: 'calling' },
      ),
    );
    for (const item of inputItems) assert.deepEqual(ItemSchema.parse(item), item);
    assert.equal(inputItems[0]?.id, 'mcp_1');
    assert.deepEqual(
      inputItems.map(({ status }) => status),
      ['completed', 'failed', 'failed', 'failed', 'incomplete'],
    );
    const told = chat.messages.flatMap(({ role, content }) => (role === 'tool' ? [content] : []));
    assert.deepEqual(told.slice(0, 4), ['found', 'lost', 'no', 'down']);
  });

  it('gives the provider the parameters under their names of chat completions', () => {
    const schema = { type: 'object' };
    const { chat } = parseResponseRequest(
      body({
        temperature: 0,
        top_p: 1,
        presence_penalty: -2,
        frequency_penalty: 2,
        max_output_tokens: 16,
        top_logprobs: 2,
        service_tier: 'flex',
        reasoning: { effort: 'low', summary: 'auto' },
        text: {
          verbosity: 'high',
          format: { type: 'json_schema', name: 'x', schema, strict: true },
        },
        tools: [{ ...TOOL, description: 'F', strict: true }],
        tool_choice: {
          type: 'allowed_tools',
          mode: 'required',
          tools: [{ type: 'function', name: 'f' }],
        },
        parallel_tool_calls: false,
        user: 'u',
        safety_identifier: 's',
        prompt_cache_key: 'k',
        metadata: { a: 'b' },
        store: true,
        stop: ['x'],
        top_k: 40,
      }),
    );
    const { messages, ...fields } = chat;
    assert.equal(messages.length, 1);
    assert.deepEqual(fields, {
      temperature: 0,
      top_p: 1,
      presence_penalty: -2,
      frequency_penalty: 2,
      max_completion_tokens: 16,
      logprobs: true,
      top_logprobs: 2,
      service_tier: 'flex',
      reasoning_effort: 'low',
      verbosity: 'high',
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
      tools: [
        {
          type: 'function',
          function: { name: 'f', parameters: { type: 'object' }, description: 'F', strict: true },
        },
      ],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] },
      },
      parallel_tool_calls: false,
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      stop: ['x'],
      top_k: 40,
    });
  });

  it('takes what clients send for nothing', () => {
    const empty = { tools: [], include: [], metadata: {}, tool_choice: 'auto', reasoning: {} };
    const nothing = {
      temperature: null,
      text: null,
      stream: null,
      conversation: null,
      top_k: null,
    };
    const { chat } = parseResponseRequest(body({ ...empty, ...nothing }));
    assert.deepEqual(Object.keys(chat), ['messages']);
  });

  it('goes on from a previous response, also without input, and does not look for its calls', () => {
    const previous = { previous_response_id: 'resp_1' };
    assert.deepEqual(parseResponseRequest({ model: 'm', ...previous }).chat.messages, []);
    const parsed = parseResponseRequest({ ...input(OUTPUT), ...previous });
    assert.equal(parsed.previousResponseId, 'resp_1');
    assert.equal(parsed.echo.previous_response_id, 'resp_1');
  });

  it('names the end user by `user`, else by `safety_identifier`', () => {
    assert.equal(parseResponseRequest(body({ safety_identifier: 's' })).user, 's');
    assert.equal(parseResponseRequest(body({ safety_identifier: 's', user: 'u' })).user, 'u');
    assert.equal(parseResponseRequest(body({})).user, undefined);
  });

  it('makes an id of its own for one that is there twice', () => {
    const item = { id: 'msg_1', role: 'user', content: 'x' };
    const [first, second] = parseResponseRequest(input(item, item)).inputItems;
    assert.equal(first?.id, 'msg_1');
    assert.match(second?.id ?? '', /^msg_[0-9a-f]{32}$/);
  });

  it('never repeats what the caller wrote', () => {
    for (const value of [
      user('PRIVATE'),
      body({ truncation: 'PRIVATE' }),
      body({ include: ['PRIVATE'] }),
      input({ type: 'PRIVATE' }),
      input(CALL, { ...OUTPUT, call_id: 'PRIVATE' }),
    ]) {
      assert.doesNotMatch(refusalOf(value).message, /PRIVATE/);
    }
  });

  it('refuses huge lists by their length, before it looks at two million mistakes', () => {
    const wrong = Array.from({ length: 20_000 }, () => 1);
    const message = { role: 'user', content: wrong.slice(0, 2_000) };
    for (const [value, param] of [
      [input(...wrong), 'input'],
      [user(...wrong), 'input'],
      [input(...Array.from({ length: 1_000 }, () => message)), 'input'],
      [body({ tools: wrong }), 'tools'],
      [body({ include: wrong }), 'include'],
    ] as const) {
      const error = refusalOf(value);
      assert.equal(error.param, param);
      assert.match(error.message, /at most|more than|must be a string or/);
    }
  });
});
