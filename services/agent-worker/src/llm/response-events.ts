import type { RunEvent, Usage } from '@switchboard/contract';
import type { ChunkEvents } from './answers.ts';
import { badResponse, errorInAnswer, errorInResponse, streamCut } from './failures.ts';

/**
 * Turns the events of a streamed response, or one whole response, into run events. What we do not
 * know is ignored: other kinds of output, and events that only repeat what deltas have said.
 */
export class ResponseEvents implements ChunkEvents {
  readonly #secrets: readonly string[];
  /** By their place in the output. */
  readonly #calls = new Map<number, OpenCall>();
  #finishReason: string | undefined;
  #usage: Usage | undefined;
  #model: string | undefined;
  #serviceTier: string | undefined;

  /** @param secrets What may not stand in a public message. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  get finished(): boolean {
    return this.#finishReason !== undefined;
  }

  /** The event with the whole response is the last one. */
  get ended(): boolean {
    return this.finished;
  }

  take(answer: unknown, into: RunEvent[]): void {
    if (!isObject(answer)) throw badResponse('The model endpoint sent an event that is no object.');
    const { type } = answer;
    if (typeof type === 'string') {
      this.#takeEvent(type, answer, into);
    } else if (isObject(answer['error']) && answer['output'] === undefined) {
      throw errorInAnswer(answer['error'], this.#secrets);
    } else if (Array.isArray(answer['output'])) {
      this.#takeWhole(answer, answer['output'], into);
    } else {
      throw badResponse('The model endpoint sent no response.');
    }
  }

  end(into: RunEvent[]): void {
    if (this.#finishReason === undefined) throw streamCut();
    if (this.#usage !== undefined) into.push({ type: 'usage', usage: this.#usage });
    into.push({
      type: 'completed',
      finishReason: this.#finishReason,
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#serviceTier === undefined ? {} : { serviceTier: this.#serviceTier }),
    });
  }

  #takeEvent(type: string, event: JsonObject, into: RunEvent[]): void {
    switch (type) {
      case 'response.output_text.delta':
        takeText(textOf(event, 'delta'), event['logprobs'], into);
        break;
      case 'response.refusal.delta':
        into.push({ type: 'refusal.delta', text: textOf(event, 'delta') });
        break;
      case 'response.reasoning_text.delta':
      case 'response.reasoning_summary_text.delta':
        into.push({ type: 'reasoning.delta', text: textOf(event, 'delta') });
        break;
      case 'response.reasoning_summary_part.added':
        // Its parts are paragraphs.
        if (event['summary_index'] !== 0) into.push({ type: 'reasoning.delta', text: '\n\n' });
        break;
      case 'response.output_item.added':
        this.#takeCall(event, into);
        break;
      case 'response.function_call_arguments.delta':
        this.#takeArguments(event, into);
        break;
      case 'response.output_item.done':
        this.#takeWholeCall(event, into);
        break;
      case 'response.created':
        this.#takeFrame(asObject(event['response']));
        break;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        this.#finish(asObject(event['response']));
        break;
      case 'error':
        throw errorInResponse(isObject(event['error']) ? event['error'] : event, this.#secrets);
      default:
        break;
    }
  }

  #takeCall(event: JsonObject, into: RunEvent[]): void {
    const { item, output_index: place } = event;
    if (!isObject(item) || item['type'] !== 'function_call' || typeof place !== 'number') return;
    const call = { index: this.#calls.size, hasArguments: false };
    this.#calls.set(place, call);
    const [id, name] = [textOf(item, 'call_id'), textOf(item, 'name')];
    into.push({ type: 'tool.call', index: call.index, id, name, arguments: '' });
  }

  #takeArguments(event: JsonObject, into: RunEvent[]): void {
    const { output_index: place } = event;
    const call = typeof place === 'number' ? this.#calls.get(place) : undefined;
    if (call === undefined) {
      throw badResponse('The model endpoint sent arguments of a call that it had not begun.');
    }
    call.hasArguments = true;
    into.push({ type: 'tool.call', index: call.index, arguments: textOf(event, 'delta') });
  }

  /** Some servers send arguments in one piece, and then only here. */
  #takeWholeCall(event: JsonObject, into: RunEvent[]): void {
    const { item, output_index: place } = event;
    if (!isObject(item) || item['type'] !== 'function_call' || typeof place !== 'number') return;
    if (!this.#calls.has(place)) this.#takeCall(event, into);
    const call = this.#calls.get(place);
    if (call === undefined || call.hasArguments) return;
    call.hasArguments = true;
    into.push({ type: 'tool.call', index: call.index, arguments: textOf(item, 'arguments') });
  }

  #takeWhole(response: JsonObject, output: readonly unknown[], into: RunEvent[]): void {
    for (const [place, item] of output.entries()) {
      if (!isObject(item)) throw badResponse('The model endpoint sent an item that is no object.');
      if (item['type'] === 'message') takeMessage(item, into);
      else if (item['type'] === 'reasoning') takeReasoning(item, into);
      else this.#takeWholeCall({ item, output_index: place }, into);
    }
    this.#finish(response);
  }

  #takeFrame({ model, service_tier: tier }: JsonObject): void {
    if (typeof model === 'string') this.#model = model;
    if (typeof tier === 'string') this.#serviceTier = tier;
  }

  /** @throws ProviderFailure when the response has failed */
  #finish(response: JsonObject): void {
    this.#takeFrame(response);
    this.#usage = usageOf(response['usage']) ?? this.#usage;
    switch (response['status']) {
      case 'completed':
        this.#finishReason = this.#calls.size > 0 ? 'tool_calls' : 'stop';
        break;
      case 'incomplete': {
        const { reason } = asObject(response['incomplete_details']);
        this.#finishReason = reason === 'content_filter' ? reason : 'length';
        break;
      }
      case 'failed':
        throw errorInResponse(response['error'], this.#secrets);
      default:
        throw badResponse('The model endpoint ended a response that is neither whole nor failed.');
    }
  }
}

interface OpenCall {
  /** Among the calls of the answer. */
  readonly index: number;
  hasArguments: boolean;
}

type JsonObject = Readonly<Record<string, unknown>>;

function takeMessage(item: JsonObject, into: RunEvent[]): void {
  for (const part of partsOf(item['content'])) {
    if (part['type'] === 'output_text') takeText(textOf(part, 'text'), part['logprobs'], into);
    if (part['type'] !== 'refusal') continue;
    into.push({ type: 'refusal.delta', text: textOf(part, 'refusal') });
  }
}

/** What the model thought, else the summary of it. */
function takeReasoning(item: JsonObject, into: RunEvent[]): void {
  const content = partsOf(item['content']);
  const parts = content.length > 0 ? content : partsOf(item['summary']);
  const text = parts.map((part) => textOf(part, 'text')).join('\n\n');
  if (text !== '') into.push({ type: 'reasoning.delta', text });
}

function takeText(text: string, logprobs: unknown, into: RunEvent[]): void {
  const hasLogprobs = Array.isArray(logprobs) && logprobs.length > 0;
  if (hasLogprobs) into.push({ type: 'text.delta', text, logprobs: { content: logprobs } });
  else if (text !== '') into.push({ type: 'text.delta', text });
}

/** Anything but text there would be lost unseen: refused. */
function textOf(from: JsonObject, field: string): string {
  const value = from[field];
  if (typeof value === 'string') return value;
  throw badResponse(`The model endpoint sent ${field} that is no text.`);
}

function partsOf(parts: unknown): readonly JsonObject[] {
  return Array.isArray(parts) ? parts.filter(isObject) : [];
}

/** Under the names of chat completions. */
function usageOf(usage: unknown): Usage | undefined {
  const { input_tokens: prompt, output_tokens: completion, total_tokens: total } = asObject(usage);
  if (typeof prompt !== 'number' || typeof completion !== 'number') return undefined;
  const { input_tokens_details: input, output_tokens_details: output } = asObject(usage);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: typeof total === 'number' ? total : prompt + completion,
    ...(isObject(input) ? { prompt_tokens_details: input } : {}),
    ...(isObject(output) ? { completion_tokens_details: output } : {}),
  };
}

function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
