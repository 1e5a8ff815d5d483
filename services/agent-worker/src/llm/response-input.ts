type Fields = Readonly<Record<string, unknown>>;

export interface ResponseInput {
  readonly instructions?: string;
  readonly input: readonly unknown[];
}

/** A conversation in chat messages as instructions and input items, in its order. */
export function responseInput(messages: readonly unknown[]): ResponseInput {
  const all = messages.map(asFields);
  const first = all.findIndex((message) => instructionOf(message) === undefined);
  const leading = first === -1 ? all.length : first;
  const instructions = all.slice(0, leading).map(instructionOf).join('\n\n');
  const input = all.slice(leading).flatMap(itemsOf);
  // A conversation of nothing else: there must be some input.
  if (input.length === 0) return { input: all.flatMap(itemsOf) };
  return leading === 0 ? { input } : { instructions, input };
}

function instructionOf({ role, content }: Fields): string | undefined {
  return role === 'system' && typeof content === 'string' ? content : undefined;
}

function itemsOf(message: Fields): readonly unknown[] {
  switch (message['role']) {
    case 'tool':
      return [toolOutput(message)];
    case 'assistant':
      return [...assistantText(message), ...calls(message['tool_calls'])];
    default:
      return [inputMessage(message['role'], contentOf(message['content'], inputPart))];
  }
}

/** OpenAI does without the type, the standard does not. */
function inputMessage(role: unknown, content: unknown): Fields {
  return { type: 'message', role, content };
}

function toolOutput({ tool_call_id: id, content }: Fields): Fields {
  const output = contentOf(content, inputPart);
  return { type: 'function_call_output', call_id: id, output };
}

function assistantText({ content, refusal }: Fields): readonly unknown[] {
  const parts = contentOf(content ?? [], outputPart);
  const said = typeof refusal === 'string' ? [{ type: 'refusal', refusal }] : [];
  if (typeof parts === 'string' && said.length === 0) {
    return parts === '' ? [] : [inputMessage('assistant', parts)];
  }
  const all = [...(typeof parts === 'string' ? [outputText(parts)] : parts), ...said];
  return all.length === 0 ? [] : [inputMessage('assistant', all)];
}

function calls(toolCalls: unknown): readonly unknown[] {
  if (!Array.isArray(toolCalls)) return [];
  return (toolCalls as readonly unknown[]).map((call) => {
    const { id, function: called } = asFields(call);
    const { name, arguments: text } = asFields(called);
    return { type: 'function_call', call_id: id, name, arguments: text };
  });
}

function contentOf(content: unknown, part: (part: Fields) => unknown): string | readonly unknown[] {
  if (Array.isArray(content)) return content.map((one) => part(asFields(one)));
  return typeof content === 'string' ? content : '';
}

function inputPart(part: Fields): unknown {
  switch (part['type']) {
    case 'text':
      return { type: 'input_text', text: part['text'] };
    case 'image_url': {
      const { url, detail } = asFields(part['image_url']);
      return { type: 'input_image', image_url: url, detail: detail ?? 'auto' };
    }
    case 'file':
      return { type: 'input_file', ...asFields(part['file']) };
    default:
      // The provider says what it does not know.
      return part;
  }
}

function outputPart(part: Fields): unknown {
  return part['type'] === 'text' ? outputText(part['text']) : part;
}

function outputText(text: unknown): Fields {
  return { type: 'output_text', text, annotations: [] };
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
