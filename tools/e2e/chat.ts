export type ChatBody = Readonly<Record<string, unknown>>;

export interface ChatOptions {
  readonly requestId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A request of one user message. `model` is mostly the simulator's script: `sim/tokens=3`. */
export function chatBody(model: string, fields: ChatBody = {}): ChatBody {
  return { model, messages: [{ role: 'user', content: 'Hello' }], ...fields };
}

/** Sends a chat; resolves with the head of the answer. */
export async function chat(
  url: string,
  body: ChatBody,
  options: ChatOptions = {},
): Promise<Response> {
  const { requestId, headers, signal } = options;
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
      ...headers,
    },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What OpenAI's clients read of an error. */
export interface ApiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
}

/** All of an answer, streamed or not. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of the body, or of the last event of the stream. */
  readonly error: ApiError | undefined;
  /** Whether it came to its own end: `[DONE]`, or one whole object without an error. */
  readonly complete: boolean;
}

interface Parsed {
  readonly error?: ApiError;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
}

/** Reads an answer to its end. Throws when its connection breaks or it is not what the API says. */
export async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = await response.text();
  const streamed = headers.get('content-type')?.startsWith('text/event-stream') === true;
  const events = streamed ? dataOf(body) : [body];
  const done = !streamed || events.at(-1) === '[DONE]';
  const parsed = events
    .filter((event) => event !== '[DONE]')
    .map((event) => JSON.parse(event) as Parsed);
  const text = parsed
    .map(({ choices }) => choices?.[0]?.delta?.content ?? choices?.[0]?.message?.content ?? '')
    .join('');
  const error = parsed.at(-1)?.error;
  return { status, headers, text, error, complete: done && error === undefined };
}

/** Sends a chat and reads all of the answer. */
export async function ask(url: string, body: ChatBody, options: ChatOptions = {}): Promise<Answer> {
  return await readAnswer(await chat(url, body, options));
}

function dataOf(stream: string): string[] {
  return stream
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length));
}
