import { Agent, OpenAIProvider, Runner, assistant, system, tool, user } from '@openai/agents';
import type { AgentInputItem } from '@openai/agents';
import { defineAgent } from '@switchboard/agent';
import type { Message } from '@switchboard/agent';
import OpenAI from 'openai';
import { z } from 'zod';

const weather = tool({
  name: 'weather',
  description: 'The weather of a city, today.',
  parameters: z.object({ city: z.string() }),
  execute: ({ city }) => `It is 21 degrees and sunny in ${city}.`,
});

/** An agent as the OpenAI Agents SDK documents it; nothing in it knows of Switchboard. */
const guide = new Agent({
  name: 'Travel guide',
  instructions: 'You help travellers. Look at the weather before you propose anything.',
  tools: [weather],
});

export const travelGuide = defineAgent({
  name: 'travel-guide',
  description: 'The OpenAI Agents SDK inside a slot.',
  model: 'gpt-5-mini',
  async *run(request, { model, signal }) {
    const openAIClient = new OpenAI(model.endpoint());
    const modelProvider = new OpenAIProvider({ openAIClient, useResponses: false });
    const runner = new Runner({ modelProvider, model: model.name, tracingDisabled: true });
    const input = request.messages.map(itemOf);
    const result = await runner.run(guide, input, { stream: true, signal });
    yield* result.toTextStream();
    await result.completed;
  },
});

function itemOf({ role, content }: Message): AgentInputItem {
  const text = typeof content === 'string' ? content : JSON.stringify(content ?? '');
  if (role === 'user') return user(text);
  return role === 'assistant' ? assistant(text) : system(text);
}
