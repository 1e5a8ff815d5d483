import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { ChatCompletionChunkSchema, ChatCompletionSchema } from '../docs/answer-schemas.ts';
import {
  deltaChunk,
  finishChunk,
  restartChunk,
  roleChunk,
  usageChunk,
} from './completion-chunks.ts';
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

const OWN_CALL = { id: 'c1', name: 'clock', source: 'agent', arguments: '{}' };
const OWN_STARTED: RunEvent = { type: 'tool.started', ...OWN_CALL };
const ownResult = (output: string, more: { failed?: true } = {}): RunEvent => ({
  type: 'tool.result',
  id: 'c1',
  output,
  ...more,
});

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

  it('is one message over all steps, with the tools of the agent beside it', () => {
    const completion = completionOf(HEAD, [
      { type: 'text.delta', text: 'One moment. ' },
      OWN_STARTED,
      { type: 'tool.started', ...OWN_CALL, id: 'c2', source: 'files' },
      { type: 'tool.result', id: 'c2', output: 'no such file', failed: true },
      ownResult('noon'),
      { type: 'usage', usage: { ...USAGE, total_tokens: 1 } },
      { type: 'text.delta', text: 'It is noon.' },
      { type: 'usage', usage: USAGE },
      END,
    ]);
    assert.equal(completion.choices[0].message.content, 'One moment. It is noon.');
    assert.equal('tool_calls' in completion.choices[0].message, false);
    assert.deepEqual(completion.usage, USAGE);
    assert.deepEqual(completion.switchboard, {
      tool_calls: [
        { ...OWN_CALL, output: 'noon' },
        { ...OWN_CALL, id: 'c2', source: 'files', output: 'no such file', failed: true },
      ],
    });
    assert.deepEqual(ChatCompletionSchema.parse(completion), completion);
  });

  it('gives each of several calls with one id its own result', () => {
    const { switchboard } = completionOf(HEAD, [
      OWN_STARTED,
      ownResult('first'),
      ownResult('nobody asked'),
      OWN_STARTED,
      ownResult('second'),
      OWN_STARTED,
      END,
    ]);
    assert.deepEqual(
      switchboard?.tool_calls.map(({ output }) => output),
      ['first', 'second', undefined],
    );
  });

  it('does not fail for what tools said: what is too much is not shown', () => {
    const output = 'x'.repeat(600_000);
    const { choices, switchboard } = completionOf(HEAD, [
      ...Array.from({ length: 40 }, () => [OWN_STARTED, ownResult(output)]).flat(),
      ...Array.from({ length: 2_000 }, () => OWN_STARTED),
      { type: 'text.delta', text: 'Done.' },
      END,
    ]);
    assert.equal(choices[0].message.content, 'Done.');
    assert.equal(switchboard?.tool_calls.length, 1_024);
    assert.equal(switchboard.tool_calls.filter((call) => call.output !== undefined).length, 1);
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

  it('show the tools of the agent beside an empty delta', () => {
    const chunks = [OWN_STARTED, ownResult('noon'), ownResult('late', { failed: true })].map(
      (event) => deltaChunk(HEAD, false, event),
    );
    assert.deepEqual(
      chunks.map((chunk) => [chunk?.choices[0]?.delta, chunk?.switchboard]),
      [
        [{}, { tool_call: OWN_CALL }],
        [{}, { tool_result: { id: 'c1', output: 'noon' } }],
        [{}, { tool_result: { id: 'c1', output: 'late', failed: true } }],
      ],
    );
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
      ...[...CALLS, OWN_STARTED, ownResult('noon', { failed: true })].map((event) =>
        deltaChunk(HEAD, true, event),
      ),
      restartChunk(HEAD, true),
      finishChunk(HEAD, true, END),
      usageChunk(HEAD, USAGE),
    ];
    for (const chunk of chunks) {
      assert.deepEqual(ChatCompletionChunkSchema.parse(chunk), chunk);
    }
  });
});
