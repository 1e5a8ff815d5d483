import type { ModelCall } from '@switchboard/agent';
import { SwitchboardError } from '@switchboard/contract';
import type { ErrorCode, RunEvent } from '@switchboard/contract';
import { AnswerBuilder } from './answer-builder.ts';
import { CompletionChunks } from './completion-chunks.ts';
import type { LateCalls } from './late-calls.ts';
import type { OpenCall } from './open-call.ts';

/** Longest request, in characters: a conversation may carry images. */
const BODY_CHARS_MAX = 64 * 1024 * 1024;

type Open = (call: ModelCall, stream: boolean) => OpenCall;

/** OpenAI's status of a failure; others are 502. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  provider_rejected: 400,
  provider_auth: 401,
  provider_rate_limited: 429,
  agent_failed: 400,
};

/**
 * `fetch` as frameworks call it, answered as OpenAI's endpoint would: chat completions, streamed or
 * not. They need not know that the provider is another one, speaks another of OpenAI's APIs, or is
 * the second that was asked.
 */
export class ModelFetch {
  readonly #open: Open;
  readonly #late: LateCalls;

  constructor(open: Open, late: LateCalls) {
    this.#open = open;
    this.#late = late;
  }

  /** Rejects with the signal's reason, as `fetch` does; a failing model is a response. */
  readonly fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    this.#late.failLater(() => this.#answer(input, init ?? {}));

  async #answer(input: string | URL | Request, init: RequestInit): Promise<Response> {
    // One place for what may stand in either argument.
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const path = new URL(request.url).pathname;
    if (request.method !== 'POST' || !path.endsWith('/chat/completions')) {
      return refusal(404, 'unknown_route', 'Only POST /chat/completions is answered here.');
    }
    const fields = parse(await request.text());
    if (fields === undefined) return refusal(400, 'invalid_request', 'The body is no request.');
    if (typeof fields['n'] === 'number' && fields['n'] > 1) {
      return refusal(400, 'invalid_request', 'One choice is all that is asked for here.', 'n');
    }
    // `request.signal` follows the caller's, and would be collected with the request.
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
    const { model = '', stream, stream_options: options } = fields;
    try {
      const call = this.#open({ ...fields, signal }, stream === true);
      const chunks = new CompletionChunks(model);
      if (stream !== true) return await whole(call, chunks);
      return await streamed(call, chunks, wantsUsage(options));
    } catch (thrown) {
      signal?.throwIfAborted();
      if (!(thrown instanceof SwitchboardError)) throw thrown;
      return refusal(STATUSES[thrown.code] ?? 502, thrown.code, thrown.message, thrown.param);
    }
  }
}

async function whole(call: OpenCall, chunks: CompletionChunks): Promise<Response> {
  const builder = new AnswerBuilder();
  const events: RunEvent[] = [];
  try {
    while (await call.read(events));
  } finally {
    call.close();
  }
  for (const event of events) builder.take(event);
  const head = chunks.head('chat.completion', events);
  return Response.json({ ...head, choices: [builder.choice()], usage: call.used?.usage });
}

/** Its first piece is here when it resolves: a failure before that has its status. */
async function streamed(
  call: OpenCall,
  chunks: CompletionChunks,
  withUsage: boolean,
): Promise<Response> {
  const encoder = new TextEncoder();
  let events: RunEvent[] = [];
  let more = await call.read(events);
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const send = (data: string): void => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
    try {
      let taken: object[] = [];
      // A pull that gives nothing would be the last.
      while (taken.length === 0) {
        if (events.length === 0) more = await call.read(events);
        taken = events.flatMap((event) => chunks.of(event));
        events = [];
      }
      if (!more) {
        call.close();
        if (withUsage && call.used !== undefined) taken.push(chunks.usage(call.used.usage));
      }
      for (const chunk of taken) send(JSON.stringify(chunk));
      if (more) return;
      send('[DONE]');
    } catch (thrown) {
      if (!(thrown instanceof SwitchboardError)) throw thrown;
      send(JSON.stringify(errorBody(thrown.code, thrown.message, thrown.param)));
    }
    controller.close();
  };
  // Nothing is read ahead of the framework.
  const body = new ReadableStream({ pull, cancel: () => call.close() }, { highWaterMark: 0 });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function parse(text: string): (ModelCall & Record<string, unknown>) | undefined {
  if (text.length > BODY_CHARS_MAX) return undefined;
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('messages' in body)) return undefined;
    if (!Array.isArray(body.messages)) return undefined;
    // What the messages hold is the provider's to check.
    const { signal: _, provider: _other, ...fields } = { signal: 0, provider: 0, ...body };
    return fields as unknown as ModelCall & Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function wantsUsage(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  return 'include_usage' in options && options.include_usage === true;
}

/** SDKs are not to try again: that has been done. */
function refusal(status: number, code: string, message: string, param?: string): Response {
  const headers = { 'x-should-retry': 'false' };
  return Response.json(errorBody(code, message, param), { status, headers });
}

function errorBody(code: string, message: string, param: string | undefined): object {
  const type = code === 'invalid_request' ? 'invalid_request_error' : 'server_error';
  return { error: { message, type, param: param ?? null, code } };
}
