/** What the simulator looks at in a chat completion request. */
export interface ChatRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Smaller of `max_tokens` and `max_completion_tokens`; Infinity when neither is given. */
  readonly tokensMax: number;
  /** Text of the last message whose role is `user`; empty if there is none. */
  readonly lastUserText: string;
  /** What its messages consist of. */
  readonly parts: PartCounts;
  /**
   * Functions whose results the conversation ends with; empty if it ends with another message.
   * `unnamed`: there is a result, but no call to say whose.
   */
  readonly results: ReadonlySet<string> | 'unnamed';
  /** Functions it may call, by name, with the JSON schema of their arguments. */
  readonly functions: ReadonlyMap<string, unknown>;
  /** The function that `tool_choice` wants called: the named one, or the first if any will do. */
  readonly insistsOn: string | undefined;
  /** The body as it came. */
  readonly body: string;
}

/** Counts over all messages of a request. A string is one text. */
export interface PartCounts {
  readonly messages: number;
  readonly texts: number;
  readonly images: number;
  readonly files: number;
  readonly audios: number;
  /** Parts of any other type. */
  readonly others: number;
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
  return readRequest(fields(parseJson(body)), body);
}

/** The same of a body that has been parsed; undefined: it is no object. */
export function readRequest(request: Fields | undefined, body: string): ChatRequest {
  if (request === undefined) throw new RequestError('The body must be a JSON object.', null);
  const { model, messages } = request;
  if (typeof model !== 'string' || model === '') {
    throw new RequestError('model must be a string that is not empty.', 'model');
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RequestError('messages must be an array that is not empty.', 'messages');
  }
  const { functions, insistsOn } = readTools(request['tools'], request['tool_choice']);
  return {
    model,
    stream: request['stream'] === true,
    includeUsage: fields(request['stream_options'])?.['include_usage'] === true,
    tokensMax: Math.min(limit(request['max_tokens']), limit(request['max_completion_tokens'])),
    lastUserText: lastUserText(messages),
    parts: countParts(messages),
    results: lastResults(messages),
    functions,
    insistsOn,
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

export function parseJson(body: string): unknown {
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

const COUNTED: Readonly<Record<string, Exclude<keyof PartCounts, 'messages' | 'others'>>> = {
  text: 'texts',
  image_url: 'images',
  file: 'files',
  input_audio: 'audios',
};

function countParts(messages: readonly unknown[]): PartCounts {
  const counts = { messages: messages.length, texts: 0, images: 0, files: 0, audios: 0, others: 0 };
  for (const message of messages) {
    const content = fields(message)?.['content'];
    if (typeof content === 'string') counts.texts += 1;
    if (!Array.isArray(content)) continue;
    for (const part of content as readonly unknown[]) {
      counts[COUNTED[String(fields(part)?.['type'])] ?? 'others'] += 1;
    }
  }
  return counts;
}

function lastResults(messages: readonly unknown[]): ReadonlySet<string> | 'unnamed' {
  const beforeResults = messages.findLastIndex((message) => fields(message)?.['role'] !== 'tool');
  const called = calledNames(messages);
  const names = new Set<string>();
  for (const result of messages.slice(beforeResults + 1)) {
    const name = called.get(fields(result)?.['tool_call_id']);
    if (name === undefined) return 'unnamed';
    names.add(name);
  }
  return names;
}

/** The function of each tool call in a conversation, by the call's id. */
function calledNames(messages: readonly unknown[]): ReadonlyMap<unknown, string> {
  const names = new Map<unknown, string>();
  for (const message of messages) {
    const calls = fields(message)?.['tool_calls'];
    if (!Array.isArray(calls)) continue;
    for (const call of calls as readonly unknown[]) {
      const name = fields(fields(call)?.['function'])?.['name'];
      if (typeof name === 'string') names.set(fields(call)?.['id'], name);
    }
  }
  return names;
}

function readTools(tools: unknown, choice: unknown): Pick<ChatRequest, 'functions' | 'insistsOn'> {
  const functions = new Map<string, unknown>();
  if (choice === 'none') return { functions, insistsOn: undefined };
  const allowed = fields(fields(choice)?.['allowed_tools']);
  const allowedNames = allowed === undefined ? undefined : functionsOf(allowed['tools']);
  for (const [name, declared] of functionsOf(tools)) {
    if (allowedNames?.has(name) !== false) functions.set(name, declared['parameters']);
  }
  const named = fields(fields(choice)?.['function'])?.['name'];
  if (typeof named === 'string') {
    return { functions, insistsOn: functions.has(named) ? named : undefined };
  }
  const any = choice === 'required' || allowed?.['mode'] === 'required';
  return { functions, insistsOn: any ? functions.keys().next().value : undefined };
}

function functionsOf(tools: unknown): ReadonlyMap<string, Fields> {
  const functions = new Map<string, Fields>();
  if (!Array.isArray(tools)) return functions;
  for (const tool of tools as readonly unknown[]) {
    const declared = fields(fields(tool)?.['function']);
    const name = declared?.['name'];
    if (declared !== undefined && typeof name === 'string') functions.set(name, declared);
  }
  return functions;
}
