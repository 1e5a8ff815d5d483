import type { EventDraft } from './event-draft.ts';
import type { ItemStatus, ReasoningItem } from './item-schema.ts';
import { added, done } from './open-item.ts';
import type { OpenItem } from './open-item.ts';

/**
 * What the model says of its reasoning. It stands in `summary`, whether the provider shows all of
 * it or a summary: see {@link ./stream-event-schema.ts}.
 */
export class OpenReasoning implements OpenItem {
  readonly #id: string;
  readonly #index: number;
  #text = '';
  #status: ItemStatus = 'in_progress';

  constructor(id: string, outputIndex: number) {
    this.#id = id;
    this.#index = outputIndex;
  }

  begin(): EventDraft {
    return added(this.#index, { ...this.item(), summary: [] });
  }

  /** @param delta is not empty. */
  text(delta: string): readonly EventDraft[] {
    const first = this.#text === '';
    this.#text += delta;
    const place = this.#place();
    const draft: EventDraft = { type: 'response.reasoning_summary_text.delta', ...place, delta };
    if (!first) return [draft];
    const part = { type: 'summary_text' as const, text: '' };
    return [{ type: 'response.reasoning_summary_part.added', ...place, part }, draft];
  }

  item(): ReasoningItem {
    return {
      type: 'reasoning',
      id: this.#id,
      summary: [{ type: 'summary_text', text: this.#text }],
      status: this.#status,
    };
  }

  close(status: Exclude<ItemStatus, 'in_progress'>): readonly EventDraft[] {
    if (this.#status !== 'in_progress') return [];
    this.#status = status;
    const place = this.#place();
    const text = this.#text;
    return [
      { type: 'response.reasoning_summary_text.done', ...place, text },
      {
        type: 'response.reasoning_summary_part.done',
        ...place,
        part: { type: 'summary_text', text },
      },
      done(this.#index, this.item()),
    ];
  }

  #place() {
    return { item_id: this.#id, output_index: this.#index, summary_index: 0 };
  }
}
