import type { AssistantMessage, ModelAnswer, ModelEvent, ToolCall } from '@switchboard/agent';
import type { RunEvent, Usage } from '@switchboard/contract';

/** Puts the events of one model call together. */
export class AnswerBuilder {
  #text = '';
  #reasoning = '';
  #refusal = '';
  #logprobs: unknown;
  readonly #calls = new Map<number, ToolCall>();
  #finishReason = 'stop';
  #model: string | undefined;

  /** Takes one event. @returns it as an agent may yield it, where there is something to show */
  take(event: RunEvent): ModelEvent | undefined {
    switch (event.type) {
      case 'text.delta':
        this.#text += event.text;
        this.#logprobs = event.logprobs ?? this.#logprobs;
        return { type: 'text', text: event.text };
      case 'reasoning.delta':
        this.#reasoning += event.text;
        return { type: 'reasoning', text: event.text };
      case 'refusal.delta':
        this.#refusal += event.text;
        return { type: 'refusal', text: event.text };
      case 'tool.call':
        this.#takeCall(event);
        break;
      case 'completed':
        this.#finishReason = event.finishReason;
        this.#model = event.model;
        break;
      case 'started':
      case 'tool.started':
      case 'tool.result':
      case 'usage':
      case 'failed':
      case 'cancelled':
        break;
    }
    return undefined;
  }

  answer(usage: Usage | undefined): ModelAnswer {
    return {
      text: this.#text,
      message: this.#message(),
      toolCalls: [...this.#calls.values()],
      finishReason: this.#finishReason,
      usage,
      model: this.#model,
    };
  }

  /** The one choice of a chat completion that did not come as a stream. */
  choice(): object {
    const reasoning = this.#reasoning === '' ? {} : { reasoning_content: this.#reasoning };
    return {
      index: 0,
      message: { refusal: null, ...this.#message(), ...reasoning },
      logprobs: this.#logprobs ?? null,
      finish_reason: this.#finishReason,
    };
  }

  #message(): AssistantMessage {
    const calls = [...this.#calls.values()];
    return {
      role: 'assistant',
      content: this.#text === '' && calls.length > 0 ? null : this.#text,
      ...(this.#refusal === '' ? {} : { refusal: this.#refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
  }

  #takeCall({ index, id, name, arguments: args }: Extract<RunEvent, { type: 'tool.call' }>): void {
    const call = this.#calls.get(index);
    if (call === undefined) {
      const called = { name: name ?? '', arguments: args ?? '' };
      this.#calls.set(index, { id: id ?? '', type: 'function', function: called });
      return;
    }
    call.id ||= id ?? '';
    call.function.name ||= name ?? '';
    call.function.arguments += args ?? '';
  }
}
