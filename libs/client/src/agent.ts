import { randomUUID } from 'node:crypto';
import type * as SDK from 'openai/resources/responses/responses';
import { AgentStream } from './agent-stream.ts';
import type { Connection } from './agent-stream.ts';
import { backgroundRun } from './background-run.ts';
import type { BackgroundRun } from './background-run.ts';
import { answerTo } from './errors.ts';

export type Message = SDK.EasyInputMessage['content'];

export interface CallOptions {
  /** The conversation so far, oldest first. */
  readonly history?: readonly Pick<SDK.EasyInputMessage, 'role' | 'content'>[] | undefined;
  /** Leaves for good: the run is cancelled. */
  readonly signal?: AbortSignal | undefined;
  /** A call with the same key and message joins this one; default a random one for each call. */
  readonly idempotencyKey?: string | undefined;
  /** More fields of the request: `instructions`, `tools`, `previous_response_id`, `metadata`... */
  readonly params?: Omit<SDK.ResponseCreateParamsNonStreaming, 'model' | 'input' | 'stream'>;
}

/** A promise that can be cancelled, like the future it takes the place of. */
export interface PendingCall extends Promise<string> {
  cancel(): void;
  details(): Promise<SDK.Response>;
}

export type Agent = ReturnType<typeof agentNamed>;

export function agentNamed(name: string, connection: Connection) {
  const { maxRetries, openai } = connection;
  const stream = (message: Message, options: CallOptions = {}) => {
    const body = { ...bodyOf(name, message, options), stream: true } as const;
    const headers = { ...keyOf(options), 'x-switchboard-on-disconnect': 'resume' };
    return new AgentStream(connection, {
      start: (request) => openai.responses.create(body, { ...request, headers }),
      signal: options.signal,
    });
  };
  const callDetails = async (message: Message, options?: CallOptions) =>
    await stream(message, options).response();
  return {
    /** The text of the answer. Throws AgentError. */
    call: async (message: Message, options?: CallOptions) =>
      (await callDetails(message, options)).output_text,
    /** The whole response: `output_text`, id, status, usage, tool calls. Throws AgentError. */
    callDetails,
    /** Returns at once. A failure waits until somebody asks, as in a future; it ends no process. */
    callAsync: (message: Message, options: CallOptions = {}): PendingCall => {
      const leave = new AbortController();
      const signal = AbortSignal.any([leave.signal, options.signal ?? []].flat());
      const details = callDetails(message, { ...options, signal });
      const text = details.then((response) => response.output_text);
      text.catch(() => undefined);
      return Object.assign(text, { cancel: () => leave.abort(), details: () => details });
    },
    /** The text while it is made. Leaving the loop cancels the run, as the signal does. */
    stream,
    /** Returns when the run is accepted, which goes on by itself. The signal ends only that. */
    background: async (message: Message, options: CallOptions = {}): Promise<BackgroundRun> => {
      const body = { ...bodyOf(name, message, options), background: true, store: true };
      const request = { headers: keyOf(options), maxRetries, signal: options.signal ?? null };
      const { id } = await answerTo(openai.responses.create(body, request));
      return backgroundRun(id, connection);
    },
  };
}

function bodyOf(model: string, message: Message, { history = [], params }: CallOptions) {
  const turns = [...history, { role: 'user' as const, content: message }];
  const input = turns.map((turn) => ({ type: 'message' as const, ...turn }));
  // The history comes with each call, so nothing needs to stay after the answer.
  return { store: false, ...params, model, input };
}

function keyOf({ idempotencyKey = randomUUID() }: CallOptions): Record<string, string> {
  return { 'idempotency-key': idempotencyKey };
}
