import { fields, parseJson, readRequest, RequestError, type ChatRequest } from './chat-request.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a request for a response as the chat completion that asks the same.
 * @throws {RequestError} when it is not JSON, or names no model or input.
 */
export function readResponseRequest(body: string): ChatRequest {
  const request = fields(parseJson(body));
  const { input } = request ?? {};
  const known = typeof input === 'string' || (Array.isArray(input) && input.length > 0);
  if (request !== undefined && !known) {
    throw new RequestError('input must be text, or an array that is not empty.', 'input');
  }
  const chat = request === undefined ? undefined : chatOf(request);
  return readRequest(chat, body);
}

function chatOf(request: Fields): Fields {
  const { input, instructions, tools, tool_choice: choice } = request;
  const first = typeof instructions === 'string' ? [message('system', instructions)] : [];
  const items = typeof input === 'string' ? [message('user', input)] : asArray(input).map(chatItem);
  return {
    model: request['model'],
    stream: request['stream'],
    messages: [...first, ...items],
    max_completion_tokens: request['max_output_tokens'],
    tools: asArray(tools).map(nested),
    tool_choice: chatChoice(choice),
    // A response always has its usage.
    stream_options: { include_usage: true },
  };
}

function message(role: unknown, content: unknown): Fields {
  return { role, content };
}

function chatItem(item: unknown): Fields {
  const { type, role, content, call_id: id, name, output } = fields(item) ?? {};
  if (type === 'function_call') {
    return { role: 'assistant', tool_calls: [{ id, function: { name } }] };
  }
  if (type === 'function_call_output') return { role: 'tool', tool_call_id: id, content: output };
  return message(role, Array.isArray(content) ? content.map(chatPart) : content);
}

const PART_TYPES: Readonly<Record<string, string>> = {
  input_text: 'text',
  output_text: 'text',
  input_image: 'image_url',
  input_file: 'file',
};

function chatPart(part: unknown): Fields {
  const { type, ...rest } = fields(part) ?? {};
  return { ...rest, type: PART_TYPES[String(type)] ?? type };
}

/** A function as chat completions declare or name it. */
function nested(tool: unknown): Fields {
  const { type, ...declared } = fields(tool) ?? {};
  return { type, function: declared };
}

function chatChoice(choice: unknown): unknown {
  const { type, mode, tools } = fields(choice) ?? {};
  if (type === 'function') return nested(choice);
  if (type !== 'allowed_tools') return choice;
  return { type, allowed_tools: { mode, tools: asArray(tools).map(nested) } };
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
