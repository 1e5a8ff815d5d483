import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { ChatCompletionChunkSchema, ChatCompletionSchema } from '../docs/answer-schemas.ts';
import { deltaChunk, finishChunk, roleChunk, usageChunk } from './completion-chunks.ts';
import { CompletionParts, completionOf } from './completion.ts';
import { answerHead } from './completion-types.ts';

const HEAD = answerHead('run1', 'team/writer', 1_700_000_000_999);
const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, extra: { cached: 1 } };
const END = {
  type: 'completed',
  finishReason: 'stop',
  model: 'provider-name',
  systemFingerprint: 'fp_1',
  serviceTier: 'default',
} as const satisfies RunEvent;

const CALLS: readonly RunEvent[] = [
  { type: 'tool.call', index: 1, id: 'c2', name: 'g', arguments: '' },
  { type: 'tool.call', index: 0, id: 'c1', name: 'f', arguments: '{"a"' },
  { type: 'tool.call', index: 0, arguments: ':1}' },
  { type: 'tool.call', index: 1, arguments: '{}' },
];

describe('a chat.completion', () => {
  it('has the shape and names of OpenAI, and the model name the caller sent', () => {
    const completion = completionOf(HEAD, [
      { type: 'started', worker: 'w' },
      { type: 'text.delta', text: 'Hel' },
      { type: 'text.delta', text: 'lo' },
      { type: 'usage', usage: USAGE },
      END,
    ]);
    assert.deepEqual(completion, {
      id: 'chatcmpl-run1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'team/writer',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: USAGE,
      system_fingerprint: 'fp_1',
      service_tier: 'default',
    });
    ChatCompletionSchema.parse(completion);
  });

  it('puts tool calls together by their index, whatever the order of their parts', () => {
    const completion = completionOf(HEAD, [...CALLS, { ...END, finishReason: 'tool_calls' }]);
    assert.deepEqual(completion.choices[0].message, {
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
        { id: 'c2', type: 'function', function: { name: 'g', arguments: '{}' } },
      ],
    });
    ChatCompletionSchema.parse(completion);
  });

  it('joins refusals, reasoning and log probabilities', () => {
    const [choice] = completionOf(HEAD, [
      { type: 'reasoning.delta', text: 'hm' },
      { type: 'reasoning.delta', text: 'm' },
      { type: 'text.delta', text: 'a', logprobs: { content: [{ token: 'a' }], refusal: null } },
      { type: 'text.delta', text: 'b', logprobs: { content: [{ token: 'b' }] } },
      { type: 'refusal.delta', text: 'No' },
      END,
    ]).choices;
    assert.equal(choice.message.reasoning_content, 'hmm');
    assert.equal(choice.message.refusal, 'No');
    assert.deepEqual(choice.logprobs, { content: [{ token: 'a' }, { token: 'b' }], refusal: null });
  });

  it('has content null for a refusal alone, and an empty text for an empty answer', () => {
    const refused = completionOf(HEAD, [{ type: 'refusal.delta', text: 'No' }, END]);
    assert.equal(refused.choices[0].message.content, null);
    assert.equal(completionOf(HEAD, [END]).choices[0].message.content, '');
  });

  it('is bounded: an answer without end fails instead of filling the memory', () => {
    const parts = new CompletionParts();
    const text = 'x'.repeat(1024 * 1024);
    assert.throws(
      () => {
        for (let count = 0; count < 20; count += 1) parts.add({ type: 'text.delta', text });
      },
      { code: 'provider_bad_response' },
    );
  });
});

describe('chat.completion.chunks', () => {
  it('begin with the role and end with the reason', () => {
    const first = roleChunk(HEAD, false, '');
    assert.deepEqual(first.choices[0]?.delta, { role: 'assistant', content: '' });
    const last = finishChunk(HEAD, false, END);
    assert.deepEqual(last, {
      id: 'chatcmpl-run1',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'team/writer',
      service_tier: 'default',
      system_fingerprint: 'fp_1',
      choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }],
    });
  });

  it('say each part of an answer in the place OpenAI has for it', () => {
    const deltas = (
      [
        { type: 'text.delta', text: 'a' },
        { type: 'reasoning.delta', text: 'b' },
        { type: 'refusal.delta', text: 'c' },
        ...CALLS.slice(1, 3),
      ] as RunEvent[]
    ).map((event) => deltaChunk(HEAD, false, event)?.choices[0]?.delta);
    assert.deepEqual(deltas, [
      { content: 'a' },
      { reasoning_content: 'b' },
      { refusal: 'c' },
      {
        tool_calls: [
          { index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a"' } },
        ],
      },
      { tool_calls: [{ index: 0, function: { arguments: ':1}' } }] },
    ]);
  });

  it('carry log probabilities beside the delta', () => {
    const logprobs = { content: [{ token: 'a' }] };
    const chunk = deltaChunk(HEAD, false, { type: 'text.delta', text: 'a', logprobs });
    assert.deepEqual(chunk?.choices[0]?.logprobs, logprobs);
  });

  it('have usage null in all but the last when the caller asked for it, else no usage', () => {
    const event: RunEvent = { type: 'text.delta', text: 'a' };
    for (const chunk of [
      roleChunk(HEAD, true, ''),
      deltaChunk(HEAD, true, event),
      finishChunk(HEAD, true, END),
    ]) {
      assert.equal(chunk?.usage, null);
    }
    assert.equal('usage' in (deltaChunk(HEAD, false, event) ?? {}), false);
    assert.deepEqual(usageChunk(HEAD, USAGE).choices, []);
    assert.deepEqual(usageChunk(HEAD, USAGE).usage, USAGE);
  });

  it('do not exist for events that show nothing', () => {
    for (const event of [
      { type: 'started', worker: 'w' },
      { type: 'usage', usage: USAGE },
      END,
      { type: 'cancelled', reason: 'requested' },
    ] as const) {
      assert.equal(deltaChunk(HEAD, false, event), undefined);
    }
  });

  it('all fit the schema that the OpenAPI document prints', () => {
    const chunks = [
      roleChunk(HEAD, true, null),
      ...CALLS.map((event) => deltaChunk(HEAD, true, event)),
      finishChunk(HEAD, true, END),
      usageChunk(HEAD, USAGE),
    ];
    for (const chunk of chunks) {
      assert.deepEqual(ChatCompletionChunkSchema.parse(chunk), chunk);
    }
  });
});
