import type { EventDraft } from './event-draft.ts';
import type { ItemStatus, McpCallItem, McpCallStatus } from './item-schema.ts';
import { added, done } from './open-item.ts';
import type { OpenItem } from './open-item.ts';

export interface ToolNames {
  readonly id: string;
  readonly callId: string;
  readonly name: string;
  readonly source: string;
}

/** A call of one of the agent's own tools. Its arguments are known when it begins. */
export class OpenTool implements OpenItem {
  readonly #names: ToolNames;
  readonly #index: number;
  #arguments = '';
  #status: McpCallStatus = 'in_progress';
  #result: Pick<McpCallItem, 'output' | 'error'> = { output: null, error: null };

  constructor(names: ToolNames, outputIndex: number) {
    this.#names = names;
    this.#index = outputIndex;
  }

  begin(): EventDraft {
    return added(this.#index, this.item());
  }

  /** The model's id of the call, which models may repeat. */
  get callId(): string {
    return this.#names.callId;
  }

  call(text: string): readonly EventDraft[] {
    this.#arguments = text;
    const place = this.#place();
    const delta: EventDraft[] =
      text === '' ? [] : [{ type: 'response.mcp_call_arguments.delta', ...place, delta: text }];
    return [
      { type: 'response.mcp_call.in_progress', ...place },
      ...delta,
      { type: 'response.mcp_call_arguments.done', ...place, arguments: text },
    ];
  }

  end(output: string, failed: boolean): readonly EventDraft[] {
    this.#status = failed ? 'failed' : 'completed';
    this.#result = failed ? { output: null, error: errorOf(output) } : { output, error: null };
    const type = failed ? 'response.mcp_call.failed' : 'response.mcp_call.completed';
    return [{ type, ...this.#place() }, done(this.#index, this.item())];
  }

  item(): McpCallItem {
    const { id, name, source } = this.#names;
    return {
      type: 'mcp_call',
      id,
      server_label: source,
      name,
      arguments: this.#arguments,
      ...this.#result,
      status: this.#status,
    };
  }

  /** What is still open then has no result: it is incomplete, whatever the others are. */
  close(_status: Exclude<ItemStatus, 'in_progress'>): readonly EventDraft[] {
    if (this.#status !== 'in_progress') return [];
    this.#status = 'incomplete';
    return [done(this.#index, this.item())];
  }

  #place() {
    return { item_id: this.#names.id, output_index: this.#index };
  }
}

function errorOf(text: string): McpCallItem['error'] {
  return { type: 'mcp_tool_execution_error', content: [{ type: 'text', text }] };
}
