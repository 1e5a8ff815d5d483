import type { EventDraft } from './event-draft.ts';
import type { ItemStatus, OutputItem } from './item-schema.ts';

/** An output item that a model writes, or has written. */
export interface OpenItem {
  /** As it is now; later changes do not show in it. */
  item(): OutputItem;
  /** Ends it. Nothing when it has ended already. */
  close(status: Exclude<ItemStatus, 'in_progress'>): readonly EventDraft[];
}

export const added = (output_index: number, item: OutputItem): EventDraft => ({
  type: 'response.output_item.added',
  output_index,
  item,
});

export const done = (output_index: number, item: OutputItem): EventDraft => ({
  type: 'response.output_item.done',
  output_index,
  item,
});
