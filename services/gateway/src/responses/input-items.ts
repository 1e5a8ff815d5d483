/** Input in its full form: what `GET /v1/responses/{id}/input_items` shows and a record keeps. */
import type { InputItem } from './input-schema.ts';
import { ItemStatus, McpCallStatus } from './item-schema.ts';
import type { Item, McpCallItem, MessageItem, MessagePart } from './item-schema.ts';
import type { ItemKind } from './item-id.ts';

type InputMessage = Extract<InputItem, { type: 'message' }>;
type InputToolCall = Extract<InputItem, { type: 'mcp_call' }>;
type InputContent = Exclude<InputMessage['content'], string>[number];

/**
 * A text is one message of the user. Ids that the caller gave are kept, others are made, also for
 * one that is there twice: pages of items go on after an id.
 */
export function inputItems(
  input: string | readonly InputItem[],
  newId: (kind: ItemKind) => string,
): Item[] {
  if (typeof input !== 'string') {
    const used = new Set<string>();
    return input.map((item) => {
      const { id: given } = item;
      const fresh = given === undefined || given === null || given === '' || used.has(given);
      const id = fresh ? newId(item.type) : given;
      used.add(id);
      return itemOf(item, id);
    });
  }
  return [
    {
      type: 'message',
      id: newId('message'),
      status: 'completed',
      role: 'user',
      content: [{ type: 'input_text', text: input }],
    },
  ];
}

function itemOf(item: InputItem, id: string): Item {
  const status = ItemStatus.safeParse(item.status).data ?? 'completed';
  switch (item.type) {
    case 'message':
      return messageOf(item, id, status);
    case 'function_call': {
      const { type, call_id, name, arguments: text } = item;
      return { type, id, call_id, name, arguments: text, status };
    }
    case 'function_call_output': {
      const { type, call_id, output } = item;
      const parts = typeof output === 'string' ? output : output.map(({ text }) => inputText(text));
      return { type, id, call_id, output: parts, status };
    }
    case 'mcp_call':
      return toolCallOf(item, id);
    case 'reasoning':
      break;
  }
  const { type, summary, content, encrypted_content } = item;
  return {
    type,
    id,
    summary: summary.map(({ text }) => ({ type: 'summary_text', text })),
    ...(isSet(content)
      ? { content: content.map(({ text }) => ({ type: 'reasoning_text', text })) }
      : {}),
    ...(isSet(encrypted_content) ? { encrypted_content } : {}),
    status,
  };
}

function toolCallOf(item: InputToolCall, id: string): McpCallItem {
  const { type, server_label, name, arguments: text, output = null, error } = item;
  const failure = isSet(error) ? errorOf(error) : null;
  const ended = failure !== null ? 'failed' : output !== null ? 'completed' : 'incomplete';
  const status = McpCallStatus.safeParse(item.status).data ?? ended;
  return { type, id, server_label, name, arguments: text, output, error: failure, status };
}

/** A text, an object with one, or with parts that have one each. */
function errorOf(error: string | Readonly<Record<string, unknown>>): McpCallItem['error'] {
  const { message = '', content = message } = typeof error === 'string' ? {} : error;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [content];
  const texts = typeof error === 'string' ? [error] : parts.flatMap(textsOf);
  const text = texts.join('\n');
  return { type: 'mcp_tool_execution_error', content: [{ type: 'text', text }] };
}

function textsOf(part: unknown): string[] {
  if (typeof part === 'string') return [part];
  if (typeof part !== 'object' || part === null || !('text' in part)) return [];
  return typeof part.text === 'string' ? [part.text] : [];
}

function messageOf(item: InputMessage, id: string, status: ItemStatus): MessageItem {
  const { type, role, content } = item;
  if (typeof content !== 'string') {
    const parts: readonly InputContent[] = content;
    return { type, id, status, role, content: parts.map(partOf) };
  }
  const part: MessagePart =
    role === 'assistant'
      ? { type: 'output_text', text: content, annotations: [], logprobs: [] }
      : inputText(content);
  return { type, id, status, role, content: [part] };
}

function partOf(part: InputContent): MessagePart {
  switch (part.type) {
    case 'input_text':
      return inputText(part.text);
    case 'input_image':
      return { type: part.type, image_url: part.image_url, detail: part.detail ?? 'auto' };
    case 'input_file':
      return {
        type: part.type,
        ...(isSet(part.filename) ? { filename: part.filename } : {}),
        file_data: part.file_data,
      };
    case 'refusal':
      return { type: part.type, refusal: part.refusal };
    case 'output_text':
      break;
  }
  const annotations = (part.annotations ?? []).map((annotation) => {
    const { type, url, start_index, end_index, title } = annotation;
    return { type, url, start_index, end_index, title };
  });
  return { type: part.type, text: part.text, annotations, logprobs: [] };
}

function inputText(text: string): { type: 'input_text'; text: string } {
  return { type: 'input_text', text };
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
