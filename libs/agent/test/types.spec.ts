/** What the compiler must take, and what it must refuse: an unused expectation fails the types. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { z } from 'zod';
import { defineAgent, defineTool } from '@switchboard/agent';

test('tools know their input from their schema', () => {
  const tool = defineTool({
    name: 'weather',
    description: 'The weather of a city.',
    input: z.object({ city: z.string(), days: z.number().default(1) }),
    run({ city, days }, { signal }) {
      const whole: { readonly city: string; readonly days: number } = { city, days };
      // @ts-expect-error -- The schema has no such field.
      const other = ({ ...whole } satisfies typeof whole).country;
      return { whole, other, aborted: signal.aborted };
    },
  });
  assert.equal(tool.name, 'weather');
  const parameters = { type: 'object', properties: {} };
  // @ts-expect-error -- JSON schema alone checks nothing.
  const bare = () => defineTool({ ...tool, input: parameters });
  assert.throws(bare, TypeError);
});

test('agents yield text and events, return how they ended, and nothing else', () => {
  const agent = defineAgent({
    name: 'typed',
    timeout: 60,
    tools: ['clock'],
    async *run(request, { model, signal, tools }) {
      yield 'text';
      yield { type: 'reasoning', text: request.prompt };
      const { definitions } = tools;
      const messages = [...request.messages];
      for (;;) {
        const answer = yield* model.stream({ messages, tools: definitions, signal });
        if (answer.toolCalls.length === 0) return answer;
        messages.push(answer.message, ...(await tools.answer(answer.toolCalls)));
      }
    },
  });
  assert.equal(agent.name, 'typed');
  defineAgent({
    name: 'wrong',
    // @ts-expect-error -- A number is nothing to show.
    async *run() {
      yield 1;
    },
  });
  defineAgent({
    name: 'misspelt',
    // @ts-expect-error -- The agents' file calls it `timeout`.
    timeOut: 60,
    async *run() {
      yield '';
    },
  });
});

test("messages, tools and the endpoint fit OpenAI's SDK as they are", () => {
  const agent = defineAgent({
    name: 'wrapped',
    async *run(request, { model, signal, tools }) {
      const openai = new OpenAI(model.endpoint());
      const { messages } = request;
      const body = { model: model.name, messages, tools: tools.definitions } as const;
      const stream = await openai.chat.completions.create({ ...body, stream: true }, { signal });
      for await (const chunk of stream) yield chunk.choices[0]?.delta.content ?? '';
      const whole = await openai.chat.completions.create(body);
      const message = whole.choices[0]?.message;
      if (message !== undefined) messages.push({ role: 'assistant', content: message.content });
    },
  });
  assert.equal(agent.name, 'wrapped');
});
