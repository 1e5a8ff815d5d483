/** Items as the messages of a chat completion, which is what providers take. */
import { createHash } from 'node:crypto';
import type { ChatRequest } from '@switchboard/contract';
import type {
  FunctionCallItem,
  FunctionCallOutputItem,
  Item,
  McpCallItem,
  MessageItem,
  MessagePart,
} from './item-schema.ts';

export type ChatMessage = ChatRequest['messages'][number];

const CUT_OFF = 'The call was cut off: whether it had its effect is not known.';

interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/**
 * Calls join the message of the assistant before them, as chat completions have both in one.
 * Reasoning is left out: chat completions have no place for it. The agent's own calls become calls
 * with their outputs.
 */
export function messagesOf(items: readonly Item[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  /** Calls whose outputs have not come yet. */
  const open = new Set<string>();
  for (const item of items) {
    switch (item.type) {
      case 'message':
        messages.push(messageOf(item));
        break;
      case 'function_call':
        addCall(messages, callOf(item), open.size > 0);
        open.add(item.call_id);
        break;
      case 'function_call_output':
        messages.push(outputOf(item));
        open.delete(item.call_id);
        break;
      case 'mcp_call':
        addOwnCall(messages, item, open.size > 0);
        break;
      case 'reasoning':
        break;
    }
  }
  return messages;
}

function messageOf(item: MessageItem): ChatMessage {
  if (item.role !== 'assistant') return { role: item.role, content: contentOf(item.content) };
  const texts: string[] = [];
  const refusals: string[] = [];
  for (const part of item.content) {
    if (part.type === 'output_text') texts.push(part.text);
    if (part.type === 'refusal') refusals.push(part.refusal);
  }
  const silent = texts.length === 0 && refusals.length > 0;
  return {
    role: 'assistant',
    content: silent ? null : texts.join(''),
    ...(refusals.length === 0 ? {} : { refusal: refusals.join('') }),
  };
}

function callOf(item: Pick<FunctionCallItem, 'call_id' | 'name' | 'arguments'>): ToolCall {
  const { call_id: id, name, arguments: text } = item;
  return { id, type: 'function', function: { name, arguments: text } };
}

/**
 * @param waiting calls of the last message of the assistant have no output yet: then it is this
 * one's too, also past outputs that came already. Providers want all outputs before they hear of
 * another call.
 */
function addCall(messages: ChatMessage[], call: ToolCall, waiting: boolean): void {
  const place = waiting
    ? messages.findLastIndex(({ role }) => role !== 'tool')
    : messages.length - 1;
  const last = messages[place];
  if (last?.role === 'assistant') {
    const calls = (last['tool_calls'] ?? []) as readonly ToolCall[];
    // A text that is empty says nothing beside a call, and some providers refuse it.
    const content = last['content'] === '' ? null : last['content'];
    messages[place] = { ...last, content, tool_calls: [...calls, call] };
  } else {
    messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  }
}

/** The model is told also of a call without an output: it may have had its effect. */
function addOwnCall(messages: ChatMessage[], item: McpCallItem, waiting: boolean): void {
  // Not the item's own id, which is longer than some providers take.
  const call_id = `call_${createHash('sha256').update(item.id).digest('hex').slice(0, 24)}`;
  addCall(messages, callOf({ ...item, call_id }), waiting);
  const failure = item.error?.content.map(({ text }) => text).join('\n');
  const content = failure ?? item.output ?? CUT_OFF;
  messages.push({ role: 'tool', tool_call_id: call_id, content });
}

function outputOf({ call_id, output }: FunctionCallOutputItem): ChatMessage {
  const content = typeof output === 'string' ? output : contentOf(output);
  return { role: 'tool', tool_call_id: call_id, content };
}

function contentOf(parts: readonly MessagePart[]): unknown {
  const [first] = parts;
  if (parts.length === 0) return '';
  if (parts.length === 1 && first?.type === 'input_text') return first.text;
  return parts.map(partOf);
}

function partOf(part: MessagePart): object {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return { type: 'text', text: part.text };
    case 'refusal':
      return { type: 'text', text: part.refusal };
    case 'input_image':
      return { type: 'image_url', image_url: { url: part.image_url, detail: part.detail } };
    case 'input_file':
      break;
  }
  const { filename, file_data } = part;
  return { type: 'file', file: { ...(filename === undefined ? {} : { filename }), file_data } };
}
