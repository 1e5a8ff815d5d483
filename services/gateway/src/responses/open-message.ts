import type { EventDraft } from './event-draft.ts';
import type { ItemStatus, Logprob, MessageItem, MessagePart } from './item-schema.ts';
import { added, done } from './open-item.ts';
import type { OpenItem } from './open-item.ts';

type Part = Extract<MessagePart, { type: 'output_text' | 'refusal' }>;

/** A message of the model: parts of text and of refusal, one after another. */
export class OpenMessage implements OpenItem {
  readonly #id: string;
  readonly #index: number;
  readonly #closed: Part[] = [];
  #open: 'output_text' | 'refusal' | undefined;
  #text = '';
  #logprobs: Logprob[] = [];
  #status: ItemStatus = 'in_progress';

  constructor(id: string, outputIndex: number) {
    this.#id = id;
    this.#index = outputIndex;
  }

  begin(): EventDraft {
    return added(this.#index, this.item());
  }

  /** Begins a part of text where none is open. */
  beginText(): readonly EventDraft[] {
    return this.#begin('output_text');
  }

  text(delta: string, logprobs: readonly Logprob[]): readonly EventDraft[] {
    const drafts = this.#begin('output_text');
    this.#text += delta;
    this.#logprobs.push(...logprobs);
    const type = 'response.output_text.delta';
    return [...drafts, { type, ...this.#place(), delta, logprobs: [...logprobs] }];
  }

  refusal(delta: string): readonly EventDraft[] {
    const drafts = this.#begin('refusal');
    this.#text += delta;
    return [...drafts, { type: 'response.refusal.delta', ...this.#place(), delta }];
  }

  item(): MessageItem {
    const open = this.#part();
    return {
      type: 'message',
      id: this.#id,
      status: this.#status,
      role: 'assistant',
      content: open === undefined ? [...this.#closed] : [...this.#closed, open],
    };
  }

  close(status: Exclude<ItemStatus, 'in_progress'>): readonly EventDraft[] {
    if (this.#status !== 'in_progress') return [];
    const drafts = this.#closePart();
    this.#status = status;
    return [...drafts, done(this.#index, this.item())];
  }

  #begin(kind: 'output_text' | 'refusal'): readonly EventDraft[] {
    if (this.#open === kind) return [];
    const drafts = this.#closePart();
    this.#open = kind;
    const part: Part =
      kind === 'refusal'
        ? { type: kind, refusal: '' }
        : { type: kind, text: '', annotations: [], logprobs: [] };
    return [...drafts, { type: 'response.content_part.added', ...this.#place(), part }];
  }

  #closePart(): readonly EventDraft[] {
    const part = this.#part();
    if (part === undefined) return [];
    const place = this.#place();
    this.#closed.push(part);
    this.#open = undefined;
    this.#text = '';
    this.#logprobs = [];
    return [
      part.type === 'refusal'
        ? { type: 'response.refusal.done', ...place, refusal: part.refusal }
        : {
            type: 'response.output_text.done',
            ...place,
            text: part.text,
            logprobs: part.logprobs,
          },
      { type: 'response.content_part.done', ...place, part },
    ];
  }

  #part(): Part | undefined {
    if (this.#open === undefined) return undefined;
    if (this.#open === 'refusal') return { type: 'refusal', refusal: this.#text };
    const logprobs = [...this.#logprobs];
    return { type: 'output_text', text: this.#text, annotations: [], logprobs };
  }

  #place() {
    return {
      item_id: this.#id,
      output_index: this.#index,
      content_index: this.#closed.length,
    };
  }
}
