import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { parseChat } from './parse-chat.ts';

const USER = { role: 'user', content: 'Hello' };
const TOOL = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
const CALL = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };

const body = (fields: object) => ({ model: 'm', messages: [USER], ...fields });
const messages = (...list: unknown[]) => ({ model: 'm', messages: list });
const content = (value: unknown) => messages({ role: 'user', content: value });

function refusalOf(value: unknown): SwitchboardError {
  try {
    parseChat(value);
  } catch (error) {
    assert.ok(error instanceof SwitchboardError);
    return error;
  }
  throw new Error('it was accepted');
}

/** Body, `param`, and a part of the sentence. */
const INVALID: readonly (readonly [unknown, string | undefined, RegExp])[] = [
  [undefined, undefined, /must be a JSON object/],
  [null, undefined, /must be a JSON object/],
  [[], undefined, /must be a JSON object/],
  ['text', undefined, /must be a JSON object/],
  [{ messages: [USER] }, 'model', /is required/],
  [body({ model: 5 }), 'model', /must be a string/],
  [body({ model: '' }), 'model', /must not be empty/],
  [body({ model: 'x'.repeat(257) }), 'model', /at most 256 characters/],
  [{ model: 'm' }, 'messages', /is required/],
  [{ model: 'm', messages: [] }, 'messages', /must not be empty/],
  [{ model: 'm', messages: 'Hello' }, 'messages', /must be an array/],
  [messages('Hello'), 'messages[0]', /must be an object/],
  [messages(USER, { role: 'robot', content: 'x' }), 'messages[1].role', /must be one of "system"/],
  [messages({ content: 'x' }), 'messages[0].role', /must be one of/],
  [messages({ role: 'user' }), 'messages[0].content', /string or an array of content parts/],
  [content(5), 'messages[0].content', /string or an array of content parts/],
  [content(null), 'messages[0].content', /string or an array of content parts/],
  [content([]), 'messages[0].content', /string or an array/],
  [content(['x']), 'messages[0].content[0]', /must be an object/],
  [content([{ type: 'text' }]), 'messages[0].content[0].text', /is required/],
  [content([{ type: 'video' }]), 'messages[0].content[0].type', /must be one of "text"/],
  [
    content([
      { type: 'text', text: 'x' },
      { type: 'image_url', image_url: 'http://x' },
    ]),
    'messages[0].content[1].image_url',
    /must be an object/,
  ],
  [
    messages({ role: 'system', content: [{ type: 'image_url', image_url: { url: 'x' } }] }),
    'messages[0].content[0].type',
    /must be/,
  ],
  [messages({ role: 'assistant' }), 'messages[0].content', /required unless .* tool_calls/],
  [
    messages({ role: 'assistant', content: null, tool_calls: [] }),
    'messages[0].content',
    /required unless/,
  ],
  [
    messages({ role: 'assistant', tool_calls: [{ ...CALL, id: 1 }] }),
    'messages[0].tool_calls[0].id',
    /must be a string/,
  ],
  [
    messages({ role: 'assistant', tool_calls: [{ ...CALL, function: { name: 'f' } }] }),
    'messages[0].tool_calls[0].function.arguments',
    /is required/,
  ],
  [messages({ role: 'tool', content: 'x' }), 'messages[0].tool_call_id', /is required/],
  [body({ stream: 'yes' }), 'stream', /must be a boolean/],
  [body({ stream_options: {} }), 'stream_options', /only allowed with `stream`/],
  [
    body({ stream: true, stream_options: { include_usage: 1 } }),
    'stream_options.include_usage',
    /boolean/,
  ],
  [body({ temperature: '1' }), 'temperature', /must be a number/],
  [body({ temperature: 2.1 }), 'temperature', /at most 2/],
  [body({ top_p: -0.1 }), 'top_p', /at least 0/],
  [body({ presence_penalty: 3 }), 'presence_penalty', /at most 2/],
  [body({ frequency_penalty: 'x' }), 'frequency_penalty', /must be a number/],
  [body({ max_tokens: 1.5 }), 'max_tokens', /must be an integer/],
  [body({ max_tokens: 0 }), 'max_tokens', /at least 1/],
  [body({ max_completion_tokens: '10' }), 'max_completion_tokens', /must be a number/],
  [body({ stop: 5 }), 'stop', /string or an array of strings/],
  [body({ stop: ['a', 5] }), 'stop[1]', /must be a string/],
  [body({ seed: 'x' }), 'seed', /must be a number/],
  [body({ n: '2' }), 'n', /must be 1/],
  [body({ n: 0 }), 'n', /must be 1/],
  [body({ logit_bias: [] }), 'logit_bias', /must be an object/],
  [body({ logit_bias: { 5: 'x' } }), 'logit_bias.5', /must be a number/],
  [body({ logprobs: 1 }), 'logprobs', /must be a boolean/],
  [body({ top_logprobs: 21 }), 'top_logprobs', /at most 20/],
  [body({ response_format: 'json' }), 'response_format', /must be an object/],
  [body({ response_format: { type: 'xml' } }), 'response_format.type', /"json_schema"/],
  [
    body({ response_format: { type: 'json_schema' } }),
    'response_format.json_schema',
    /is required/,
  ],
  [body({ tools: {} }), 'tools', /must be an array/],
  [body({ tools: [{ type: 'x' }] }), 'tools[0].type', /must be "function"/],
  [body({ tools: [TOOL, { type: 'function' }] }), 'tools[1].function', /is required/],
  [body({ tool_choice: 'maybe' }), 'tool_choice', /"none", "auto", "required" or an object/],
  [body({ tool_choice: { type: 'function' } }), 'tool_choice.function', /is required/],
  [body({ parallel_tool_calls: 'x' }), 'parallel_tool_calls', /must be a boolean/],
  [body({ reasoning_effort: 5 }), 'reasoning_effort', /must be a string/],
  [body({ verbosity: 'loud' }), 'verbosity', /must be "low" or "medium" or "high"/],
  [body({ service_tier: 1 }), 'service_tier', /must be a string/],
  [body({ store: 'x' }), 'store', /must be false/],
  [body({ metadata: { a: 1 } }), 'metadata.a', /must be a string/],
  [body({ user: 5 }), 'user', /must be a string/],
  [body({ safety_identifier: {} }), 'safety_identifier', /must be a string/],
  [body({ prompt_cache_key: 5 }), 'prompt_cache_key', /must be a string/],
  [body({ prediction: { type: 'content' } }), 'prediction.content', /must be a string or/],
];

const UNSUPPORTED: readonly (readonly [unknown, string])[] = [
  [body({ n: 2 }), 'n'],
  [body({ store: true }), 'store'],
  [body({ audio: { voice: 'x', format: 'mp3' } }), 'audio'],
  [body({ modalities: ['text', 'audio'] }), 'modalities'],
  [body({ functions: [] }), 'functions'],
  [body({ function_call: 'auto' }), 'function_call'],
  [body({ web_search_options: {} }), 'web_search_options'],
  [body({ tools: [TOOL, { type: 'custom', custom: { name: 'x' } }] }), 'tools[1].type'],
  [body({ tool_choice: { type: 'custom', custom: { name: 'x' } } }), 'tool_choice.type'],
  [messages(USER, { role: 'function', name: 'f', content: 'x' }), 'messages[1].role'],
  [
    messages({ role: 'assistant', function_call: { name: 'f', arguments: '' } }),
    'messages[0].function_call',
  ],
  [messages({ role: 'assistant', audio: { id: 'x' } }), 'messages[0].audio'],
  [
    messages({ role: 'assistant', tool_calls: [{ type: 'custom' }] }),
    'messages[0].tool_calls[0].type',
  ],
  [content([{ type: 'text', text: 'x' }, { type: 'input_audio' }]), 'messages[0].content[1]'],
  [content([{ type: 'file', file: {} }]), 'messages[0].content[0]'],
];

const ACCEPTED: readonly object[] = [
  body({}),
  messages(
    { role: 'system', content: 'Be short.' },
    { role: 'developer', content: [{ type: 'text', text: 'x' }] },
    {
      role: 'user',
      name: 'Ann',
      content: [
        { type: 'text', text: 'x' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
      ],
    },
    { role: 'assistant', content: null, tool_calls: [CALL] },
    { role: 'tool', tool_call_id: 'c1', content: '42' },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
    { role: 'assistant', content: 'x', reasoning_content: 'hm' },
    { role: 'assistant', refusal: 'No.' },
  ),
  body({
    temperature: 0,
    top_p: 1,
    max_tokens: 1,
    max_completion_tokens: 2,
    stop: ['a', 'b'],
    seed: -5,
    n: 1,
    presence_penalty: -2,
    frequency_penalty: 2,
    logit_bias: { 50256: -100 },
    logprobs: true,
    top_logprobs: 20,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } },
    tools: [TOOL],
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
    reasoning_effort: 'low',
    verbosity: 'high',
    service_tier: 'auto',
    metadata: { a: 'b' },
    store: false,
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    modalities: ['text'],
    prediction: { type: 'content', content: 'x' },
  }),
  body({ stop: '\n', tool_choice: 'auto', response_format: { type: 'json_object' } }),
  // Clients that send null for what they do not set.
  body({ temperature: null, stop: null, tools: null, n: null, audio: null, stream_options: null }),
  // A provider's own parameters.
  body({ top_k: 40, chat_template_kwargs: { enable_thinking: false } }),
];

describe('parseChat', () => {
  for (const [value, param, sentence] of INVALID) {
    it(`refuses ${JSON.stringify(value)?.slice(0, 90)} naming ${param ?? 'the body'}`, () => {
      const error = refusalOf(value);
      assert.equal(error.code, 'invalid_request');
      assert.equal(error.param, param);
      assert.match(error.message, sentence);
      assert.match(error.message, /\.$/);
      if (param !== undefined) assert.ok(error.message.startsWith(`\`${param}\` `));
    });
  }

  for (const [value, param] of UNSUPPORTED) {
    it(`refuses what it does not do, by name: ${param} in ${JSON.stringify(value).slice(0, 80)}`, () => {
      const error = refusalOf(value);
      assert.equal(error.code, 'unsupported_parameter');
      assert.equal(error.param, param);
    });
  }

  for (const value of ACCEPTED) {
    it(`passes everything through unchanged: ${JSON.stringify(value).slice(0, 80)}`, () => {
      const { model, ...rest } = value as { model: string };
      const parsed = parseChat(value);
      assert.deepEqual({ ...parsed.chat }, rest);
      assert.equal(parsed.model, model);
    });
  }

  it('takes model and stream out and copies nothing below the top level', () => {
    const value = body({ stream: true, stream_options: { include_usage: true }, user: 'ann' });
    const parsed = parseChat(value);
    assert.deepEqual([parsed.model, parsed.stream, parsed.includeUsage], ['m', true, true]);
    assert.equal(parsed.user, 'ann');
    assert.equal('model' in parsed.chat || 'stream' in parsed.chat, false);
    assert.equal(parsed.chat.messages, value.messages);
  });

  it('names the end user by `user`, else by `safety_identifier`', () => {
    assert.equal(parseChat(body({ safety_identifier: 's' })).user, 's');
    assert.equal(parseChat(body({ safety_identifier: 's', user: 'u' })).user, 'u');
    assert.equal(parseChat(body({})).user, undefined);
  });

  it('never repeats what the caller wrote', () => {
    for (const value of [
      content(['PRIVATE']),
      body({ verbosity: 'PRIVATE' }),
      content(['PRIVATE']),
    ])
      assert.doesNotMatch(refusalOf(value).message, /PRIVATE/);
  });

  it('refuses huge lists by their length, before it looks at two million mistakes', () => {
    const wrong = Array.from({ length: 20_000 }, () => 1);
    const parts = { role: 'user', content: wrong.slice(0, 2_000) };
    const calls = { role: 'assistant', tool_calls: wrong.slice(0, 1_000) };
    for (const [value, param] of [
      [{ model: 'm', messages: wrong }, 'messages'],
      [content(wrong), 'messages'],
      [messages(...Array.from({ length: 1_000 }, () => parts)), 'messages'],
      [messages(...Array.from({ length: 1_000 }, () => calls)), 'messages'],
      [body({ tools: wrong }), 'tools'],
      [body({ stop: wrong }), 'stop'],
      [body({ metadata: Object.fromEntries(wrong.entries()) }), 'metadata'],
      [body({ logit_bias: Object.fromEntries(wrong.map(String).entries()) }), 'logit_bias'],
    ] as const) {
      const error = refusalOf(value);
      assert.equal(error.param, param);
      assert.match(error.message, /at most|more than|must be a string or/);
    }
  });
});
