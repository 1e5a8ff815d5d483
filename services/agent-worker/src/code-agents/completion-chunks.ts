import { randomUUID } from 'node:crypto';
import type { RunEvent, Usage } from '@switchboard/contract';

/** The events of one model call as OpenAI's chunks. */
export class CompletionChunks {
  readonly #id = `chatcmpl-${randomUUID()}`;
  readonly #created = Math.floor(Date.now() / 1_000);
  readonly #model: string;
  #begun = false;

  /** @param model As the call names it; the provider's own name of it comes with the end. */
  constructor(model: string) {
    this.#model = model;
  }

  /** What stands before the choices of a whole answer. */
  head(object: string, events: readonly RunEvent[] = []): object {
    const end = events.findLast((event) => event.type === 'completed');
    const fingerprint = end?.systemFingerprint;
    return {
      id: this.#id,
      object,
      created: this.#created,
      model: end?.model ?? this.#model,
      ...(fingerprint === undefined ? {} : { system_fingerprint: fingerprint }),
    };
  }

  /** The first chunk says who speaks, too. */
  of(event: RunEvent): readonly object[] {
    const delta = deltaOf(event);
    const end = event.type === 'completed' ? event.finishReason : null;
    if (delta === undefined && end === null) return [];
    const role = this.#begun ? {} : { role: 'assistant' };
    this.#begun = true;
    const logprobs = event.type === 'text.delta' ? (event.logprobs ?? null) : null;
    const choice = { index: 0, delta: { ...role, ...delta }, logprobs, finish_reason: end };
    return [{ ...this.head('chat.completion.chunk', [event]), choices: [choice] }];
  }

  usage(usage: Usage): object {
    return { ...this.head('chat.completion.chunk'), choices: [], usage };
  }
}

function deltaOf(event: RunEvent): object | undefined {
  switch (event.type) {
    case 'text.delta':
      return { content: event.text };
    case 'reasoning.delta':
      return { reasoning_content: event.text };
    case 'refusal.delta':
      return { refusal: event.text };
    case 'tool.call': {
      const { index, id, name, arguments: args } = event;
      const type = id === undefined ? {} : { id, type: 'function' };
      return { tool_calls: [{ index, ...type, function: { name, arguments: args } }] };
    }
    case 'started':
    case 'tool.started':
    case 'tool.result':
    case 'usage':
    case 'completed':
    case 'failed':
    case 'cancelled':
      break;
  }
  return undefined;
}
