import type { EventDraft } from './event-draft.ts';
import type { FunctionCallItem, ItemStatus } from './item-schema.ts';
import { added, done } from './open-item.ts';
import type { OpenItem } from './open-item.ts';

export interface CallNames {
  readonly id: string;
  readonly callId: string;
  readonly name: string;
}

/** A call of one of the caller's functions. */
export class OpenCall implements OpenItem {
  readonly #names: CallNames;
  readonly #index: number;
  #arguments = '';
  #status: ItemStatus = 'in_progress';

  constructor(names: CallNames, outputIndex: number) {
    this.#names = names;
    this.#index = outputIndex;
  }

  begin(): EventDraft {
    return added(this.#index, this.item());
  }

  write(delta: string): readonly EventDraft[] {
    if (delta === '') return [];
    this.#arguments += delta;
    return [{ type: 'response.function_call_arguments.delta', ...this.#place(), delta }];
  }

  item(): FunctionCallItem {
    return {
      type: 'function_call',
      id: this.#names.id,
      call_id: this.#names.callId,
      name: this.#names.name,
      arguments: this.#arguments,
      status: this.#status,
    };
  }

  close(status: Exclude<ItemStatus, 'in_progress'>): readonly EventDraft[] {
    if (this.#status !== 'in_progress') return [];
    this.#status = status;
    return [
      {
        type: 'response.function_call_arguments.done',
        ...this.#place(),
        arguments: this.#arguments,
      },
      done(this.#index, this.item()),
    ];
  }

  #place() {
    return { item_id: this.#names.id, output_index: this.#index };
  }
}
