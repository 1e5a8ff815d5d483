import type { RunEvent, Usage } from '@switchboard/contract';
import type { ChunkEvents } from './answers.ts';
import { badResponse, errorInAnswer, streamCut } from './failures.ts';

/**
 * Turns a provider's chunks, or its one whole answer, into run events. Fields that we do not know
 * are ignored. It runs once for every token of every stream: plain checks, no schema, and no
 * objects but the events.
 */
export class AnswerEvents implements ChunkEvents {
  /** `[DONE]` ends a stream. */
  readonly ended = false;
  readonly #secrets: readonly string[];
  #finishReason: string | undefined;
  #usage: Usage | undefined;
  #model: string | undefined;
  #systemFingerprint: string | undefined;
  #serviceTier: string | undefined;

  /** @param secrets What may not stand in a public message. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** Whether the provider has said why it stopped: the text is whole. */
  get finished(): boolean {
    return this.#finishReason !== undefined;
  }

  /** Appends the events of one chunk, or of a whole answer. @throws ProviderFailure */
  take(answer: unknown, into: RunEvent[]): void {
    if (!isObject(answer)) throw badResponse('The model endpoint sent a chunk that is no object.');
    if (isObject(answer['error']) || typeof answer['error'] === 'string') {
      throw errorInAnswer(answer['error'], this.#secrets);
    }
    this.#takeFrame(answer);
    const choices = answer['choices'];
    if (choices === undefined) return;
    if (!Array.isArray(choices))
      throw badResponse('The model endpoint sent choices that are none.');
    // One choice is all that is ever asked for; the chunk with the usage has none.
    const choice: unknown = choices[0];
    if (choice === undefined) return;
    if (!isObject(choice)) throw badResponse('The model endpoint sent a choice that is no object.');
    this.#takeChoice(choice, into);
  }

  /** Appends what ends a run. @throws ProviderFailure when the provider did not finish. */
  end(into: RunEvent[]): void {
    if (this.#finishReason === undefined) throw streamCut();
    if (this.#usage !== undefined) into.push({ type: 'usage', usage: this.#usage });
    into.push({
      type: 'completed',
      finishReason: this.#finishReason,
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#systemFingerprint === undefined
        ? {}
        : { systemFingerprint: this.#systemFingerprint }),
      ...(this.#serviceTier === undefined ? {} : { serviceTier: this.#serviceTier }),
    });
  }

  #takeFrame(answer: JsonObject): void {
    if (typeof answer['model'] === 'string') this.#model = answer['model'];
    if (typeof answer['system_fingerprint'] === 'string') {
      this.#systemFingerprint = answer['system_fingerprint'];
    }
    if (typeof answer['service_tier'] === 'string') this.#serviceTier = answer['service_tier'];
    // Some providers repeat a running total in every chunk: the last one counts.
    if (isUsage(answer['usage'])) this.#usage = answer['usage'];
  }

  #takeChoice(choice: JsonObject, into: RunEvent[]): void {
    const delta = choice['delta'] ?? choice['message'];
    if (isObject(delta)) takeDelta(delta, choice['logprobs'] ?? undefined, into);
    else if (delta !== undefined) {
      throw badResponse('The model endpoint sent a delta that is no object.');
    }
    if (typeof choice['finish_reason'] === 'string') this.#finishReason = choice['finish_reason'];
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isUsage(value: unknown): value is Usage {
  return (
    isObject(value) &&
    typeof value['prompt_tokens'] === 'number' &&
    typeof value['completion_tokens'] === 'number' &&
    typeof value['total_tokens'] === 'number'
  );
}

function takeDelta(delta: JsonObject, logprobs: unknown, into: RunEvent[]): void {
  const reasoning = textIn(delta, 'reasoning_content') || textIn(delta, 'reasoning');
  if (reasoning !== '') into.push({ type: 'reasoning.delta', text: reasoning });
  const text = textIn(delta, 'content');
  if (logprobs !== undefined) into.push({ type: 'text.delta', text, logprobs });
  else if (text !== '') into.push({ type: 'text.delta', text });
  const refusal = textIn(delta, 'refusal');
  if (refusal !== '') into.push({ type: 'refusal.delta', text: refusal });
  const calls = delta['tool_calls'];
  if (Array.isArray(calls)) takeToolCalls(calls, into);
}

/** Empty where the field is absent. Anything but text there would be lost unseen: refused. */
function textIn(delta: JsonObject, field: string): string {
  const value = delta[field];
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  // `reasoning` is nobody's standard: what is not text there is simply unknown.
  if (field === 'reasoning') return '';
  throw badResponse(`The model endpoint sent ${field} that is no text.`);
}

function takeToolCalls(calls: readonly unknown[], into: RunEvent[]): void {
  for (const [position, call] of calls.entries()) {
    if (!isObject(call))
      throw badResponse('The model endpoint sent a tool call that is no object.');
    const called = isObject(call['function']) ? call['function'] : {};
    into.push({
      type: 'tool.call',
      // Only the deltas of a stream are numbered.
      index: typeof call['index'] === 'number' ? call['index'] : position,
      ...(typeof call['id'] === 'string' ? { id: call['id'] } : {}),
      ...(typeof called['name'] === 'string' ? { name: called['name'] } : {}),
      ...(typeof called['arguments'] === 'string' ? { arguments: called['arguments'] } : {}),
    });
  }
}
