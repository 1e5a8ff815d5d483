import { ChatOpenAI } from '@langchain/openai';
import { defineAgent } from '@switchboard/agent';
import { AIMessageChunk, createAgent, tool } from 'langchain';
import { z } from 'zod';

const search = tool(({ words }) => `Shelf 7 has a book about ${words}.`, {
  name: 'search_shelves',
  description: 'Where the books about something stand.',
  schema: z.object({ words: z.string() }),
});

export const librarian = defineAgent({
  name: 'librarian',
  description: 'A LangGraph agent of LangChain inside a slot.',
  model: 'gpt-5-mini',
  async *run(request, { model, signal }) {
    const { apiKey, ...configuration } = model.endpoint();
    const llm = new ChatOpenAI({ model: model.name, apiKey, configuration, maxRetries: 0 });
    const agent = createAgent({
      model: llm,
      tools: [search],
      systemPrompt: 'You find books. Search the shelves before you answer.',
    });
    const messages = request.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : JSON.stringify(content ?? ''),
    }));
    const stream = await agent.stream({ messages }, { streamMode: 'messages', signal });
    for await (const [message] of stream) {
      if (message instanceof AIMessageChunk && message.text !== '') yield message.text;
    }
  },
});
