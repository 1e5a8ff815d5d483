/** What the simulator looks at in a chat completion request. */
export interface ChatRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Smaller of `max_tokens` and `max_completion_tokens`; Infinity when neither is given. */
  readonly tokensMax: number;
  /** Text of the last message whose role is `user`; empty if there is none. */
  readonly lastUserText: string;
  /** The last message is a tool's result: a model answers it in words. */
  readonly endsWithToolResult: boolean;
  /** Functions it may call, by name, with the JSON schema of their arguments. */
  readonly functions: ReadonlyMap<string, unknown>;
  /** The body as it came. */
  readonly body: string;
}

/** A request that is refused with 400. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly param: string | null;

  constructor(message: string, param: string | null) {
    super(message);
    this.param = param;
  }
}

/** @throws {RequestError} when it is not JSON, or names no model or messages. */
export function readChatRequest(body: string): ChatRequest {
  const request = fields(parseJson(body));
  if (request === undefined) throw new RequestError('The body must be a JSON object.', null);
  const { model, messages } = request;
  if (typeof model !== 'string' || model === '') {
    throw new RequestError('model must be a string that is not empty.', 'model');
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RequestError('messages must be an array that is not empty.', 'messages');
  }
  return {
    model,
    stream: request['stream'] === true,
    includeUsage: fields(request['stream_options'])?.['include_usage'] === true,
    tokensMax: Math.min(limit(request['max_tokens']), limit(request['max_completion_tokens'])),
    lastUserText: lastUserText(messages),
    endsWithToolResult: fields(messages.at(-1))?.['role'] === 'tool',
    functions: readFunctions(request['tools'], request['tool_choice']),
    body,
  };
}

/** The value as an object with unknown fields; undefined if it is none. */
export function fields(value: unknown): Fields | undefined {
  return isObject(value) ? value : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The parser's own message quotes the body, which may hold a prompt.
    throw new RequestError('The body is not JSON.', null);
  }
}

function limit(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? Math.floor(value) : Infinity;
}

function lastUserText(messages: readonly unknown[]): string {
  const content = fields(messages.findLast((message) => fields(message)?.['role'] === 'user'))?.[
    'content'
  ];
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map((part: unknown) => fields(part)?.['text']);
  return texts.filter((text) => typeof text === 'string').join('\n');
}

function readFunctions(tools: unknown, choice: unknown): ReadonlyMap<string, unknown> {
  const functions = new Map<string, unknown>();
  if (!Array.isArray(tools) || choice === 'none') return functions;
  for (const tool of tools as readonly unknown[]) {
    const declared = fields(fields(tool)?.['function']);
    const name = declared?.['name'];
    if (typeof name === 'string') functions.set(name, declared?.['parameters']);
  }
  return functions;
}
