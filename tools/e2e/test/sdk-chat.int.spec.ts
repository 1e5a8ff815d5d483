/** Chat completions of all of Switchboard, with the official openai Node SDK. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import OpenAI from 'openai';
import { leakGuard } from '@switchboard/testkit';

import { failureOf, sdkClient } from '../sdk-client.ts';
import { TestStack } from '../test-stack.ts';

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;
type Parameters = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;

const SENTENCE = 'Three words more: a, b and ünïcödé.';
const messages = [{ role: 'user' as const, content: SENTENCE }];
const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', enum: ['Rome'] }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
};

let stack: TestStack;
let client: OpenAI;

before(async () => {
  stack = await TestStack.start({
    poolSize: 5,
    agents: [
      { name: 'assistant', model: 'sim/assistant', description: 'Says hello.' },
      { name: 'team/writer', model: 'text=echo' },
      { name: 'sim/*', model: '*', max_retries: 0 },
    ],
  });
  client = sdkClient(stack.url, []);
});
after(async () => await stack.stop());

async function chunksOf(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

describe('answers read with the SDK', () => {
  it('come as one object with the text, its end, the usage and the name that was asked for', async () => {
    const answer = await client.chat.completions.create({ model: 'team/writer', messages });
    const [choice] = answer.choices;
    assert.equal(choice?.message.content, SENTENCE);
    assert.equal(choice?.message.role, 'assistant');
    assert.equal(choice?.finish_reason, 'stop');
    assert.deepEqual([answer.object, answer.model], ['chat.completion', 'team/writer']);
    assert.ok((answer.usage?.completion_tokens ?? 0) > 0);
    // oxlint-disable-next-line no-underscore-dangle -- the SDK's own name
    assert.match(answer._request_id ?? '', /^req_/);
  });

  it('come as a stream of chunks: the role first, the text piece by piece, the end last', async () => {
    const chunks = await chunksOf(
      await client.chat.completions.create({
        model: 'sim/text=echo,pace=5ms',
        messages,
        stream: true,
      }),
    );
    assert.equal(textOf(chunks), SENTENCE);
    assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    assert.ok(chunks.every((chunk) => chunk.model === 'sim/text=echo,pace=5ms'));
    assert.ok(chunks.every((chunk) => chunk.usage === undefined));
  });

  it('have their usage in one last chunk when include_usage asks for it', async () => {
    const chunks = await chunksOf(
      await client.chat.completions.create({
        model: 'sim/tokens=7',
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    const last = chunks.at(-1);
    assert.deepEqual(last?.choices, []);
    assert.equal(last?.usage?.completion_tokens, 7);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
  });

  it('end with `length` at max_tokens, in either form', async () => {
    const request = { model: 'sim/tokens=50', messages, max_tokens: 3 };
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const answer of [whole, streamed]) {
      assert.equal(answer.choices[0]?.finish_reason, 'length');
    }
    assert.equal(whole.usage?.completion_tokens, 3);
  });

  it('carry the reasoning of models that send it', async () => {
    const chunks = await chunksOf(
      await client.chat.completions.create({
        model: 'sim/reasoning=3,text=echo',
        messages,
        stream: true,
      }),
    );
    const reasoning = chunks.map((chunk) => {
      const delta = chunk.choices[0]?.delta;
      return delta !== undefined && 'reasoning_content' in delta ? delta.reasoning_content : '';
    });
    assert.equal(reasoning.filter((text) => text !== '').length, 3);
    assert.equal(textOf(chunks), SENTENCE);
  });
});

describe('tools through the SDK', () => {
  const request = { model: 'sim/tool=get_weather,pace=2ms', messages, tools: [WEATHER] };

  it('are called in deltas: name and id first, the arguments piece by piece', async () => {
    const stream = await client.chat.completions.create({ ...request, stream: true });
    const chunks = await chunksOf(stream);
    const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.equal(deltas[0]?.function?.name, 'get_weather');
    assert.match(deltas[0]?.id ?? '', /./);
    assert.ok(deltas.length > 2 && deltas.every(({ index }) => index === 0));
    const args = deltas.map((delta) => delta.function?.arguments ?? '').join('');
    assert.deepEqual(JSON.parse(args), { city: 'Rome', days: 1 });
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'tool_calls');
  });

  it('lead to an answer in words when their result comes back in a tool message', async () => {
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      const { message } = choices[0] ?? {};
      const [call] = message?.tool_calls ?? [];
      assert.ok(message !== undefined && call?.type === 'function');
      assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Rome', days: 1 });
      const answer = await client.chat.completions.create({
        ...request,
        messages: [
          ...messages,
          { role: 'assistant', content: null, tool_calls: [call] },
          { role: 'tool', tool_call_id: call.id, content: 'Sunny.' },
        ],
      });
      assert.equal(answer.choices[0]?.finish_reason, 'stop');
      assert.match(answer.choices[0]?.message.content ?? '', /Lorem/);
    }
  });
});

describe('what the SDK sends', () => {
  /** What the model was asked for. */
  async function seen(parameters: Omit<Parameters, 'model'>): Promise<unknown> {
    const answer = await client.chat.completions.create({
      ...parameters,
      model: 'sim/text=request',
    });
    return JSON.parse(answer.choices[0]?.message.content ?? '');
  }

  it('reaches the model as it is: parameters, log probabilities, names and unknown fields', async () => {
    const parameters = {
      messages,
      temperature: 0.25,
      top_p: 0.5,
      presence_penalty: -1,
      frequency_penalty: 1.5,
      seed: 42,
      stop: ['END', 'STOP'],
      logit_bias: { '50256': -100 },
      logprobs: true,
      top_logprobs: 3,
      parallel_tool_calls: false,
      reasoning_effort: 'low' as const,
      metadata: { team: 'blue' },
      user: 'anna',
      top_k: 20,
    };
    const expected = { ...parameters, model: 'text=request', stream: false };
    assert.deepEqual(await seen(parameters), expected);
  });

  it('reaches the model as it is: tools, tool choice and response format', async () => {
    const parameters = {
      messages,
      tools: [WEATHER],
      // One that names the function would make the simulator call it.
      tool_choice: 'auto' as const,
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: 'answer', strict: true, schema: { type: 'object', properties: {} } },
      },
    };
    const expected = { ...parameters, model: 'text=request', stream: false };
    assert.deepEqual(await seen(parameters), expected);
  });

  it('reaches the model as it is: the whole conversation with images and tool results', async () => {
    const image = { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' as const };
    const conversation: Parameters['messages'] = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'system', content: [{ type: 'text', text: 'In verse.' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: image },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'Sunny.' },
      { role: 'user', content: 'And now?', name: 'anna' },
    ];
    const expected = { messages: conversation, model: 'text=request', stream: false };
    assert.deepEqual(await seen({ messages: conversation }), expected);
  });
});

describe('models in the SDK', () => {
  it('are the agents: all of them in the list, each by its name', async () => {
    const names = (await client.models.list()).data.map(({ id }) => id);
    assert.deepEqual(names, ['assistant', 'team/writer', 'sim/*']);
    assert.equal((await client.models.retrieve('team/writer')).id, 'team/writer');
    const missing = await failureOf(client.models.retrieve('nobody'));
    assert.ok(missing instanceof OpenAI.NotFoundError);
    assert.equal(missing.code, 'model_not_found');
  });
});

leakGuard();
