/** One chat over plain HTTP, on a connection of its own, so that the moment it closes is known. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';

import type { ChatPlan } from './chat-plan.ts';
import { nowMs } from './clock.ts';

/**
 * What a client saw of its request.
 * - `completed`: the whole answer.
 * - `failed`: an error, as a status or as the last event of a stream.
 * - `left`: the client closed the connection before the end.
 * - `broken`: the connection broke off without an end.
 * - `unreachable`: nobody listened.
 * - `hung`: nothing ended it within {@link HUNG_MS}.
 */
export type ClientOutcome =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly code: string; readonly status: number }
  | { readonly kind: 'left' | 'broken' | 'unreachable' | 'hung' };

export interface ClientResult {
  readonly outcome: ClientOutcome;
  /** Text of the answer as far as it came. */
  readonly text: string;
  /** The run, when the answer named it. */
  readonly run: string | undefined;
  readonly sentAtMs: number;
  /** When the client closed the connection, when it left. */
  readonly leftAtMs: number | undefined;
  readonly endedAtMs: number;
}

/** Longer than two take-overs of a lost worker's run and any queue here. */
export const HUNG_MS = 120_000;

/** OpenAI's names for two of our codes. */
const CODES: Readonly<Record<string, string>> = {
  rate_limit_exceeded: 'too_many_outstanding',
  server_is_overloaded: 'queue_full',
};

/** Sends the chat. Never rejects. */
export function chat(gatewayUrl: string, plan: ChatPlan): Promise<ClientResult> {
  return new Promise((resolve) => {
    const exchange = new ChatExchange(gatewayUrl, plan, resolve);
    exchange.send();
  });
}

class ChatExchange {
  readonly #plan: ChatPlan;
  readonly #request: ClientRequest;
  readonly #resolve: (result: ClientResult) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #sentAtMs = 0;
  #connected = false;
  #leftAtMs: number | undefined;
  #text = '';
  #run: string | undefined;
  #unread = '';
  #streamEnd: ClientOutcome | undefined;
  #finished = false;
  #over = false;

  constructor(gatewayUrl: string, plan: ChatPlan, resolve: (result: ClientResult) => void) {
    this.#plan = plan;
    this.#resolve = resolve;
    this.#request = request(`${gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'x-request-id': plan.id },
    });
  }

  send(): void {
    const { model, stream, prompt, user, leaveAfterMs } = this.#plan;
    const messages = [{ role: 'user', content: prompt }];
    this.#request.on('socket', (socket) => socket.once('connect', () => (this.#connected = true)));
    this.#request.on('response', (response) => this.#onResponse(response));
    this.#request.on('error', () => this.#end(this.#broken()));
    this.#sentAtMs = nowMs();
    this.#request.end(JSON.stringify({ model, stream, user, messages }));
    if (leaveAfterMs !== undefined) this.#after(leaveAfterMs, () => this.#leave('left'));
    this.#after(HUNG_MS, () => this.#leave('hung'));
  }

  #after(ms: number, then: () => void): void {
    this.#timers.push(setTimeout(then, ms));
  }

  #leave(kind: 'left' | 'hung'): void {
    if (this.#over) return;
    this.#leftAtMs = nowMs();
    this.#request.destroy();
    this.#end({ kind });
  }

  #onResponse(response: IncomingMessage): void {
    const { statusCode: status = 0 } = response;
    const isStream = response.headers['content-type']?.includes('event-stream') === true;
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (piece: string) => {
      if (isStream) this.#takeStream(piece, status);
      else body += piece;
    });
    response.on('end', () => this.#end(isStream ? this.#endOfStream() : this.#whole(status, body)));
    response.on('error', () => this.#end(this.#broken()));
    response.on('close', () => this.#end(this.#broken()));
  }

  #takeStream(piece: string, status: number): void {
    const lines = (this.#unread + piece).split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue;
      const data = line.slice('data: '.length);
      if (data !== '[DONE]') this.#takeChunk(JSON.parse(data) as Chunk, status);
      else if (this.#finished) this.#streamEnd = { kind: 'completed' };
    }
  }

  #takeChunk(chunk: Chunk, status: number): void {
    this.#run = runOf(chunk.id) ?? this.#run;
    if (chunk.error !== undefined) this.#streamEnd = failure(chunk.error, status);
    const choice = chunk.choices?.[0];
    this.#text += choice?.delta?.content ?? '';
    if (typeof choice?.finish_reason === 'string') this.#finished = true;
  }

  #endOfStream(): ClientOutcome {
    return this.#streamEnd ?? this.#broken();
  }

  #whole(status: number, body: string): ClientOutcome {
    try {
      const answer = JSON.parse(body) as Chunk;
      this.#run = runOf(answer.id);
      if (answer.error !== undefined) return failure(answer.error, status);
      this.#text = answer.choices?.[0]?.message?.content ?? '';
      return { kind: 'completed' };
    } catch {
      // Half of a body: the connection broke off in the middle of it.
      return this.#broken();
    }
  }

  #broken(): ClientOutcome {
    return { kind: this.#connected ? 'broken' : 'unreachable' };
  }

  #end(outcome: ClientOutcome): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#resolve({
      outcome,
      text: this.#text,
      run: this.#run,
      sentAtMs: this.#sentAtMs,
      leftAtMs: this.#leftAtMs,
      endedAtMs: nowMs(),
    });
  }
}

interface WireError {
  readonly code: string;
}

/** A chunk of a stream or a whole answer: what is read of them. */
interface Chunk {
  readonly id?: string;
  readonly error?: WireError;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
    readonly finish_reason?: string | null;
  }[];
}

function failure(error: WireError, status: number): ClientOutcome {
  return { kind: 'failed', code: CODES[error.code] ?? error.code, status };
}

/** `chatcmpl-<run>`. */
function runOf(id: string | undefined): string | undefined {
  return id?.startsWith('chatcmpl-') === true ? id.slice('chatcmpl-'.length) : undefined;
}
