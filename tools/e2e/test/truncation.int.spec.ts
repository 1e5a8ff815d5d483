/** Conversations that are longer than the agent's model takes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask } from '../chat.ts';
import type { Answer } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

/** The simulator answers with how many messages it was given. */
const COUNTS = { model: 'sim/text=parts', context_tokens: 400, max_tokens: 100 };
const AGENTS = [
  { ...COUNTS, name: 'forgetful', instructions: 'Be short.', truncation: 'auto' },
  { ...COUNTS, name: 'strict', instructions: 'Be short.' },
];

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({ agents: AGENTS });
});
after(async () => await stack.stop());

const words = (name: string, count: number): string =>
  Array.from({ length: count }, (_, word) => `${name}${word}`).join(' ');

const CONVERSATION = [
  { role: 'user', content: words('a', 200) },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }],
  },
  { role: 'tool', tool_call_id: 'call_1', content: '42' },
  { role: 'assistant', content: 'It is 42.' },
  { role: 'user', content: words('b', 20) },
  { role: 'assistant', content: 'Yes.' },
  { role: 'user', content: 'And now?' },
];

async function chatWith(model: string, messages: readonly object[]): Promise<Answer> {
  return await ask(stack.url, { model, messages });
}

function messagesIn(text: string): number {
  return (JSON.parse(text) as { readonly messages: number }).messages;
}

describe('a conversation that is too long', () => {
  it('loses its oldest turns, whole, in chat completions', async () => {
    const given = async (model: string): Promise<number> => {
      return messagesIn((await chatWith(model, CONVERSATION)).text);
    };
    // The instructions and the last two turns: nothing of the first, which has a call in it.
    assert.equal(await given('forgetful'), 4);
    assert.equal(await given('strict'), 8);
  });

  it('fails with its own code when the last turn alone is too long', async () => {
    const messages = [{ role: 'user', content: words('a', 400) }];
    const { status, error } = await chatWith('forgetful', messages);
    assert.deepEqual(
      [status, error?.code, error?.type, error?.param],
      [400, 'context_length_exceeded', 'invalid_request_error', 'messages'],
    );
  });

  it('is cut in the Responses API as the caller says, else as the agent does', async () => {
    const respond = async (model: string, fields: object): Promise<[string, number]> => {
      const input = CONVERSATION.filter(({ content, tool_call_id: id }) => {
        return content !== null && id === undefined;
      });
      const response = await fetch(`${stack.url}/v1/responses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, input, ...fields }),
      });
      const { output, truncation } = (await response.json()) as {
        readonly truncation: string;
        readonly output: readonly { readonly content: readonly { readonly text: string }[] }[];
      };
      return [truncation, messagesIn(output[0]?.content[0]?.text ?? '')];
    };
    assert.deepEqual(await respond('forgetful', {}), ['auto', 4]);
    assert.deepEqual(await respond('strict', { truncation: 'auto' }), ['auto', 4]);
    assert.deepEqual(await respond('strict', {}), ['disabled', 6]);
    assert.deepEqual(await respond('forgetful', { truncation: 'disabled' }), ['disabled', 6]);
  });
});

leakGuard();
