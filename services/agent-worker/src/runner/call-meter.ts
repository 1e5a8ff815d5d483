import type { RunEvent, Usage } from '@switchboard/contract';
import type { ProviderRequest } from './chat-provider.ts';
import type { CallUsage } from './run-account.ts';
import { promptTokens } from './token-estimate.ts';

/** A token has seldom more characters; some providers send several of them in one piece. */
const CHARACTERS_MAX = 8;
/** Of a token of prose, about. */
const CHARACTERS = 4;

/**
 * Counts what one call of a model uses: what the provider says, or, where the call is over before
 * that, what was seen of it. Providers that answer send about one token in each piece.
 */
export class CallMeter {
  readonly #body: ProviderRequest;
  #sent = false;
  #pieces = 0;
  #characters = 0;
  #said: Usage | undefined;

  constructor(body: ProviderRequest) {
    this.#body = body;
  }

  /** The request has gone out. */
  sent(): void {
    this.#sent = true;
  }

  /** Nothing was done: the provider refused the request, or was never reached. */
  refused(): void {
    this.#sent = false;
  }

  /** Looks at the events from `start` on, and takes out what the provider says of its usage. */
  take(events: RunEvent[], start: number): void {
    let kept = start;
    for (let index = start; index < events.length; index += 1) {
      const event = events[index];
      if (event === undefined) continue;
      if (event.type === 'usage') {
        this.#said = event.usage;
        continue;
      }
      this.#count(event);
      events[kept] = event;
      kept += 1;
    }
    events.length = kept;
  }

  /** Of the call that is over; undefined: it has used nothing. */
  used(): CallUsage | undefined {
    if (this.#said !== undefined) return { usage: this.#said };
    if (!this.#sent) return undefined;
    const prompt = promptTokens(this.#body);
    const completion = this.#body.stream
      ? Math.max(this.#pieces, Math.ceil(this.#characters / CHARACTERS_MAX))
      : Math.ceil(this.#characters / CHARACTERS);
    const total = prompt + completion;
    const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total };
    return { usage, estimated: true };
  }

  #count(event: RunEvent): void {
    const text = textOf(event);
    if (text === undefined) return;
    this.#pieces += 1;
    this.#characters += text.length;
  }
}

/** What the model has said; undefined: an event of another kind. */
function textOf(event: RunEvent): string | undefined {
  // The name of a function comes in a piece of its own, and is as short as a token.
  if (event.type === 'tool.call') return event.arguments ?? '';
  const isText =
    event.type === 'text.delta' ||
    event.type === 'reasoning.delta' ||
    event.type === 'refusal.delta';
  return isText ? event.text : undefined;
}
