import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { defineAgent } from '@switchboard/agent';
import type { Message } from '@switchboard/agent';
import { stepCountIs, streamText, tool } from 'ai';
import type { ModelMessage } from 'ai';
import { z } from 'zod';

const pantry = tool({
  description: 'What is in the pantry.',
  inputSchema: z.object({ shelf: z.enum(['upper', 'lower']) }),
  execute: ({ shelf }) => (shelf === 'upper' ? 'rice, lentils' : 'onions, potatoes'),
});

export const chef = defineAgent({
  name: 'chef',
  description: 'The Vercel AI SDK inside a slot.',
  model: 'gpt-5-mini',
  async *run(request, { model, signal }) {
    const provider = createOpenAICompatible({ name: 'switchboard', ...model.endpoint() });
    const { fullStream } = streamText({
      model: provider(model.name),
      instructions: 'You propose dishes from what is there.',
      messages: request.messages.map(modelMessage),
      tools: { pantry },
      stopWhen: stepCountIs(5),
      abortSignal: signal,
    });
    for await (const part of fullStream) {
      if (part.type === 'text-delta') yield part.text;
      // The SDK does not throw it.
      if (part.type === 'error') throw part.error;
    }
  },
});

function modelMessage({ role, content }: Message): ModelMessage {
  const text = typeof content === 'string' ? content : JSON.stringify(content ?? '');
  return { role: role === 'assistant' ? 'assistant' : 'user', content: text };
}
