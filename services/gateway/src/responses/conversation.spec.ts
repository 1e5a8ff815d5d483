import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toMessages } from './conversation.ts';
import type { CurrentTurn, TurnRecord } from './conversation.ts';
import type {
  FunctionCallItem,
  FunctionCallOutputItem,
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
