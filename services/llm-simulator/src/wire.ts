import { callIdOf, tokenCount, type Answer } from './answer.ts';
import type { ErrorStatus } from './script.ts';

/** What every part of one answer repeats. */
export interface Envelope {
  readonly id: string;
  readonly model: string;
  readonly createdSeconds: number;
}

/** How an API puts one answer on the wire. */
export interface AnswerWriter {
  /** What comes before the first token. */
  opening(): string;
  /** The token at a position, counted from 0 over reasoning and text. */
  token(position: number): string;
  /** What comes after the last token. */
  closing(): string;
  /** An event that stops in the middle of its JSON. */
  broken(): string;
  /** The error that ends a stream in its middle. */
  failure(): string;
  /** The body of an answer that is not streamed. */
  wholeJson(): string;
  /** What comes in its place, with a status of success, when it fails. */
  failureJson(): string;
}

/** Writes a chat completion. Built from strings by hand: it is the hot path. */
export class ChunkWriter implements AnswerWriter {
  readonly #answer: Answer;
  readonly #envelope: Envelope;
  readonly #includeUsage: boolean;
  readonly #head: string;
  readonly #tail: string;

  constructor(answer: Answer, envelope: Envelope, includeUsage: boolean) {
    this.#answer = answer;
    this.#envelope = envelope;
    this.#includeUsage = includeUsage;
    const start = envelopeJson('chat.completion.chunk', envelope);
    this.#head = `data: ${start},"choices":[{"index":0,"delta":`;
    this.#tail = includeUsage ? ',"usage":null}\n\n' : '}\n\n';
  }

  /** The role, and the name of the function if one is called; others beside it, whole. */
  opening(): string {
    const { tool } = this.#answer;
    const role = this.#delta('{"role":"assistant","content":' + (tool ? 'null}' : '""}'));
    if (tool === undefined) return role;
    const begun = callsJson(this.#answer, this.#envelope, '').map((call, index) => {
      return this.#delta(`{"tool_calls":[{"index":${index},${call.slice(1)}]}`);
    });
    return role + begun.join('');
  }

  token(position: number): string {
    const { reasoning, spoken, tool } = this.#answer;
    if (position < reasoning.length) {
      return this.#delta(`{"reasoning_content":${JSON.stringify(reasoning[position])}}`);
    }
    const text = JSON.stringify(spoken[position - reasoning.length]);
    if (tool === undefined) return this.#delta(`{"content":${text}}`);
    return this.#delta(`{"tool_calls":[{"index":0,"function":{"arguments":${text}}}]}`);
  }

  closing(): string {
    const last = this.#delta('{}', `"${this.#answer.finishReason}"`);
    if (!this.#includeUsage) return `${last}data: [DONE]\n\n`;
    const usage = usageJson(this.#answer);
    const envelope = envelopeJson('chat.completion.chunk', this.#envelope);
    return `${last}data: ${envelope},"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`;
  }

  broken(): string {
    return `${this.#head}{"content":"bro\n\n`;
  }

  failure(): string {
    return `data: ${this.failureJson()}\n\n`;
  }

  wholeJson(): string {
    return completionJson(this.#answer, this.#envelope);
  }

  failureJson(): string {
    return errorJson(STREAM_ERROR.message, STREAM_ERROR);
  }

  #delta(delta: string, finishReason = 'null'): string {
    return `${this.#head}${delta},"finish_reason":${finishReason}}]${this.#tail}`;
  }
}

/** The body of an answer that is not streamed. */
function completionJson(answer: Answer, envelope: Envelope): string {
  const spoken = answer.spoken.join('');
  const message =
    answer.tool === undefined
      ? `"content":${JSON.stringify(spoken)}`
      : `"content":null,"tool_calls":[${callsJson(answer, envelope, spoken).join()}]`;
  const reasoning = answer.reasoning.length
    ? `"reasoning_content":${JSON.stringify(answer.reasoning.join(''))},`
    : '';
  return (
    `${envelopeJson('chat.completion', envelope)},"choices":[{"index":0,"message":` +
    `{"role":"assistant","refusal":null,${reasoning}${message}},"logprobs":null,` +
    `"finish_reason":"${answer.finishReason}"}],"usage":${usageJson(answer)}}`
  );
}

/** The body of an error, in the shape of OpenAI's API. */
export function errorJson(
  message: string,
  details: { type?: string; param?: string | null; code?: string | null } = {},
): string {
  const { type = 'invalid_request_error', param = null, code = null } = details;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** The errors a script asks for by their status. */
export const SCRIPTED_ERROR_JSON: Readonly<Record<ErrorStatus, string>> = {
  400: errorJson('The simulator was told to refuse this request.', { code: 'simulated' }),
  401: errorJson('Incorrect API key provided.', { code: 'invalid_api_key' }),
  429: errorJson('Rate limit reached.', { type: 'requests', code: 'rate_limit_exceeded' }),
  500: errorJson('The server had an error.', { type: 'server_error' }),
  503: errorJson('The engine is overloaded.', { type: 'server_error', code: 'overloaded' }),
};

/** The error that ends a stream in its middle. */
export const STREAM_ERROR = {
  message: 'The server had an error while it answered.',
  type: 'server_error',
};

function envelopeJson(object: string, envelope: Envelope): string {
  const { id, createdSeconds } = envelope;
  const model = JSON.stringify(envelope.model);
  return `{"id":"${id}","object":"${object}","created":${createdSeconds},"model":${model}`;
}

/** The calls of an answer, the first with these arguments. */
function callsJson(answer: Answer, { id: answerId }: Envelope, args: string): readonly string[] {
  const { tool: name = '', moreCalls } = answer;
  return [{ name, args }, ...moreCalls].map((call, position) => {
    const id = JSON.stringify(callIdOf(answer, answerId, position));
    const called = JSON.stringify({ name: call.name, arguments: call.args });
    return `{"id":${id},"type":"function","function":${called}}`;
  });
}

function usageJson(answer: Answer): string {
  const completion = tokenCount(answer);
  return (
    `{"prompt_tokens":${answer.promptTokens},"completion_tokens":${completion},` +
    `"total_tokens":${answer.promptTokens + completion},` +
    `"completion_tokens_details":{"reasoning_tokens":${answer.reasoning.length}}}`
  );
}
