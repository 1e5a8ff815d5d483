/** From run events to one `chat.completion`. */
import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent, Usage } from '@switchboard/contract';
import { ShownCalls } from './completion-notes.ts';
import type { AnswerHead, ChatCompletion, Logprobs, ToolCall } from './completion-types.ts';

type CompletedEvent = Extract<RunEvent, { type: 'completed' }>;
type ToolCallEvent = Extract<RunEvent, { type: 'tool.call' }>;

/** Characters of one answer: several times what any model writes. */
const ANSWER_MAX_CHARACTERS = 16 * 1024 * 1024;
const TOOL_CALLS_MAX = 1_024;

interface CallParts {
  id: string;
  name: string;
  readonly arguments: string[];
}

/** Collects the parts of one answer. Bounded: see {@link CompletionParts.add}. */
export class CompletionParts {
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  readonly #refusal: string[] = [];
  readonly #calls = new Map<number, CallParts>();
  readonly #logprobs: Logprobs[] = [];
  readonly #shown = new ShownCalls();
  #usage: Usage | undefined;
  #characters = 0;

  /** @throws SwitchboardError `provider_bad_response` when the answer outgrows its bound. */
  add(event: RunEvent): void {
    switch (event.type) {
      case 'text.delta':
        this.#count(event.text);
        this.#text.push(event.text);
        if (isObject(event.logprobs)) this.#logprobs.push(event.logprobs);
        break;
      case 'reasoning.delta':
        this.#count(event.text);
        this.#reasoning.push(event.text);
        break;
      case 'refusal.delta':
        this.#count(event.text);
        this.#refusal.push(event.text);
        break;
      case 'tool.call':
        this.#count(event.arguments ?? '');
        this.#addCall(event);
        break;
      case 'usage':
        this.#usage = event.usage;
        break;
      case 'tool.started':
        this.#shown.started(event);
        break;
      case 'tool.result':
        this.#shown.ended(event);
        break;
      case 'started':
      case 'completed':
      case 'failed':
      case 'cancelled':
        break;
    }
  }

  completion(head: AnswerHead, end: CompletedEvent): ChatCompletion {
    const calls = this.#toolCalls();
    const text = this.#text.join('');
    const silent = this.#text.length === 0 && (calls.length > 0 || this.#refusal.length > 0);
    const message = {
      role: 'assistant' as const,
      content: silent ? null : text,
      refusal: this.#refusal.length === 0 ? null : this.#refusal.join(''),
      ...(this.#reasoning.length === 0 ? {} : { reasoning_content: this.#reasoning.join('') }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    const logprobs = joined(this.#logprobs);
    const { note } = this.#shown;
    return {
      id: head.id,
      object: 'chat.completion',
      created: head.created,
      model: head.model,
      choices: [{ index: 0, message, logprobs, finish_reason: end.finishReason }],
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
      ...(end.systemFingerprint === undefined ? {} : { system_fingerprint: end.systemFingerprint }),
      ...(end.serviceTier === undefined ? {} : { service_tier: end.serviceTier }),
      ...(note === undefined ? {} : { switchboard: note }),
    };
  }

  #count(text: string): void {
    this.#characters += text.length;
    if (this.#characters > ANSWER_MAX_CHARACTERS) throw tooLarge();
  }

  #addCall(event: ToolCallEvent): void {
    const call = this.#calls.get(event.index) ?? { id: '', name: '', arguments: [] };
    if (event.id !== undefined) call.id = event.id;
    if (event.name !== undefined) call.name = event.name;
    if (event.arguments !== undefined) call.arguments.push(event.arguments);
    this.#calls.set(event.index, call);
    if (this.#calls.size > TOOL_CALLS_MAX) throw tooLarge();
  }

  #toolCalls(): ToolCall[] {
    return [...this.#calls]
      .toSorted(([one], [other]) => one - other)
      .map(([, call]) => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.arguments.join('') },
      }));
  }
}

/** The whole answer of a finished run. */
export function completionOf(head: AnswerHead, events: readonly RunEvent[]): ChatCompletion {
  const parts = new CompletionParts();
  for (const event of events) {
    if (event.type === 'completed') return parts.completion(head, event);
    parts.add(event);
  }
  throw new TypeError('the run has not completed');
}

function joined(pieces: readonly Logprobs[]): Logprobs | null {
  if (pieces.length === 0) return null;
  const content = pieces.flatMap((piece) => piece.content ?? []);
  const refusal = pieces.flatMap((piece) => piece.refusal ?? []);
  return {
    content: content.length === 0 ? null : content,
    refusal: refusal.length === 0 ? null : refusal,
  };
}

function isObject(value: unknown): value is Logprobs {
  return typeof value === 'object' && value !== null;
}

function tooLarge(): SwitchboardError {
  return new SwitchboardError('provider_bad_response', 'The answer of the model is too large.');
}
