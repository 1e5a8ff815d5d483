/** Items as the messages of a chat completion, which is what providers take. */
import type { ChatRequest } from '@switchboard/contract';
import type {
  FunctionCallItem,
  FunctionCallOutputItem,
  Item,
  MessageItem,
  MessagePart,
} from './item-schema.ts';

export type ChatMessage = ChatRequest['messages'][number];

interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/**
 * Calls join the message of the assistant before them, as chat completions have both in one.
 * Reasoning is left out: chat completions have no place for it.
 */
export function messagesOf(items: readonly Item[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const item of items) {
    switch (item.type) {
      case 'message':
        messages.push(messageOf(item));
        break;
      case 'function_call':
        addCall(messages, item);
        break;
      case 'function_call_output':
        messages.push(outputOf(item));
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

function addCall(messages: ChatMessage[], item: FunctionCallItem): void {
  const call: ToolCall = {
    id: item.call_id,
    type: 'function',
    function: { name: item.name, arguments: item.arguments },
  };
  const last = messages.at(-1);
  if (last?.role === 'assistant') {
    const calls = (last['tool_calls'] ?? []) as readonly ToolCall[];
    // A text that is empty says nothing beside a call, and some providers refuse it.
    const content = last['content'] === '' ? null : last['content'];
    messages[messages.length - 1] = { ...last, content, tool_calls: [...calls, call] };
  } else {
    messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  }
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
