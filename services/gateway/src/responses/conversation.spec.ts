import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toMessages } from './conversation.ts';
import type { CurrentTurn, TurnRecord } from './conversation.ts';
import type {
  FunctionCallItem,
  FunctionCallOutputItem,
  McpCallItem,
  MessageItem,
  ReasoningItem,
} from './item-schema.ts';

const asked = (text: string): MessageItem => ({
  type: 'message',
  id: `msg_${text}`,
  status: 'completed',
  role: 'user',
  content: [{ type: 'input_text', text }],
});
const answered = (text: string): MessageItem => ({
  type: 'message',
  id: `msg_${text}`,
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});
const call = (id: string): FunctionCallItem => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name: 'f',
  arguments: '{}',
  status: 'completed',
});
const own = (id: string, result: Partial<McpCallItem> = { output: id }): McpCallItem => ({
  type: 'mcp_call',
  id: `mcp_${id}`,
  server_label: 'files',
  name: 'read',
  arguments: '{}',
  output: null,
  error: null,
  status: 'completed',
  ...result,
});
const output = (id: string): FunctionCallOutputItem => ({
  type: 'function_call_output',
  id: `fco_${id}`,
  call_id: id,
  output: '42',
  status: 'completed',
});

const turn = (input: TurnRecord['input'], ...items: TurnRecord['output']): TurnRecord => ({
  input,
  output: items,
});
const current = (...inputItems: CurrentTurn['inputItems']): CurrentTurn => ({
  instructions: null,
  inputItems,
  truncation: 'disabled',
});
const contents = (messages: ReturnType<typeof toMessages>): unknown[] =>
  messages.map(({ content }) => content);

const shapeOf = (messages: ReturnType<typeof toMessages>): string[] =>
  messages.map(({ role, tool_calls: calls }) =>
    calls === undefined ? role : `${role} ${(calls as unknown[]).length}`,
  );

/** As providers want it: after calls come their results, all of them, and nothing between. */
function assertAnswered(messages: ReturnType<typeof toMessages>): void {
  let waiting: string[] = [];
  for (const { role, tool_call_id: id, tool_calls: calls = [] } of messages) {
    if (role === 'tool') {
      assert.ok(waiting.includes(String(id)), 'a result of a call just before it');
      waiting = waiting.filter((each) => each !== id);
      continue;
    }
    assert.deepEqual(waiting, [], 'all results come before anything else');
    waiting = (calls as { id: string }[]).map((each) => each.id);
  }
  assert.deepEqual(waiting, []);
}

const TOO_LONG = { code: 'context_length_exceeded', param: 'previous_response_id' };

describe('toMessages', () => {
  it('puts earlier turns, oldest first, between the instructions and the current input', () => {
    const previous = [turn([asked('a')], answered('b')), turn([asked('c')], answered('d'))];
    const messages = toMessages(previous, { ...current(asked('e')), instructions: 'Be short.' });
    assert.deepEqual(messages, [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
      { role: 'assistant', content: 'd' },
      { role: 'user', content: 'e' },
    ]);
  });

  it('joins the calls of an answer and their results of the next input', () => {
    const reasoning: ReasoningItem = {
      type: 'reasoning',
      id: 'rs_1',
      summary: [],
      status: 'completed',
    };
    const previous = [turn([asked('a')], reasoning, answered('Wait.'), call('x'), call('y'))];
    const messages = toMessages(previous, current(output('x'), output('y')));
    assert.deepEqual(
      messages.map(({ role, tool_calls: calls }) => [role, (calls as unknown[])?.length]),
      [
        ['user', undefined],
        ['assistant', 2],
        ['tool', undefined],
        ['tool', undefined],
      ],
    );
  });

  it("gives the model the agent's own calls with their results, each where it was", () => {
    const previous = [turn([asked('a')], answered('Wait.'), own('x'), own('y'), answered('Done.'))];
    const messages = toMessages(previous, current(asked('b')));
    assert.deepEqual(shapeOf(messages), [
      'user',
      'assistant 1',
      'tool',
      'assistant 1',
      'tool',
      'assistant',
      'user',
    ]);
    assert.deepEqual(contents(messages), ['a', 'Wait.', 'x', null, 'y', 'Done.', 'b']);
    assertAnswered(messages);
    const ids = messages.flatMap(({ tool_call_id: id }) => (typeof id === 'string' ? [id] : []));
    assert.ok(
      ids.every((id) => id.length <= 40),
      'OpenAI takes ids of 40 characters',
    );
    assert.equal(new Set(ids).size, 2);
  });

  it('keeps own calls and those of the caller so that every call is answered in time', () => {
    for (const items of [
      [call('x'), own('a'), own('b')],
      [own('a'), call('x'), own('b'), call('y')],
      [own('a'), own('b'), call('x')],
    ]) {
      const theirs = items.flatMap((item) =>
        item.type === 'function_call' ? [output(item.call_id)] : [],
      );
      assertAnswered(toMessages([turn([asked('q')], ...items)], current(...theirs)));
    }
  });

  it('tells the model what an own call failed with, and of one that was cut off', () => {
    const error = {
      type: 'mcp_tool_execution_error',
      content: [{ type: 'text', text: 'no such file' }],
    } as const;
    const items = [
      own('x', { error: { ...error, content: [...error.content] }, status: 'failed' }),
      own('y', { status: 'incomplete' }),
    ];
    const messages = toMessages([turn([asked('a')], ...items)], current(asked('b')));
    const told = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    assert.equal(told[0], 'no such file');
    assert.match(String(told[1]), /cut off/);
  });

  it('refuses a result whose call is in no turn, and leaves out a call that was cut off', () => {
    const cut = { ...call('x'), status: 'incomplete' } as const;
    const previous = [turn([asked('a')], cut)];
    assert.deepEqual(contents(toMessages(previous, current(asked('b')))), ['a', 'b']);
    assert.throws(() => toMessages(previous, current(asked('b'), output('x'))), {
      code: 'invalid_request',
      param: 'input[1].call_id',
    });
  });

  it('refuses a conversation that does not fit, unless it may be truncated', () => {
    const previous = [
      turn([asked('a'.repeat(500))], answered('b')),
      turn([asked('c')], answered('d')),
    ];
    const last = current(asked('e'));
    assert.throws(() => toMessages(previous, last, 300), TOO_LONG);
    const kept = toMessages(previous, { ...last, truncation: 'auto' }, 300);
    assert.deepEqual(contents(kept), ['c', 'd', 'e']);
    assert.equal(toMessages(previous, last, 10_000).length, 5);
  });

  it('leaves out no turn whose calls are answered now, and no part of one', () => {
    const long = asked('a'.repeat(500));
    const truncated = (...items: CurrentTurn['inputItems']): CurrentTurn => ({
      ...current(...items),
      truncation: 'auto',
    });
    const open = [turn([long], call('x'))];
    assert.throws(() => toMessages(open, truncated(output('x')), 300), TOO_LONG);
    const done = [turn([long], call('x')), turn([output('x')], answered('b'))];
    assert.deepEqual(contents(toMessages(done, truncated(asked('c')), 300)), ['c']);
  });

  it('refuses an input that does not fit by itself', () => {
    const last = { ...current(asked('e'.repeat(500))), truncation: 'auto' } as const;
    assert.throws(() => toMessages([turn([asked('a')])], last, 300), TOO_LONG);
    // Without earlier turns it is not this that bounds it.
    assert.equal(toMessages([], last, 300).length, 1);
  });
});
