/** What OpenAI's shapes have no place for: it stands beside them in a field `switchboard`. */
import type { RunEvent } from '@switchboard/contract';

type ToolStarted = Extract<RunEvent, { type: 'tool.started' }>;
type ToolResult = Extract<RunEvent, { type: 'tool.result' }>;

/** A tool that the worker ran for the agent: nothing that the caller has to do. */
export interface ShownCall {
  /** The model's id of the call. */
  readonly id: string;
  readonly name: string;
  /** `agent`, or the name of the MCP server that has the tool. */
  readonly source: string;
  readonly arguments: string;
}

/** What such a tool gave. */
export interface ShownResult {
  readonly id: string;
  readonly output: string;
  readonly failed?: true;
}

export type ChunkNote =
  | { readonly restarted: true }
  | { readonly tool_call: ShownCall }
  | { readonly tool_result: ShownResult };

/** A call with what it gave. Without `output` it was not over, or had too much to show. */
export type FinishedCall = ShownCall & Partial<Omit<ShownResult, 'id'>>;

export interface CompletionNote {
  readonly tool_calls: readonly FinishedCall[];
}

export const shownCall = ({ id, name, source, arguments: text }: ToolStarted): ShownCall => ({
  id,
  name,
  source,
  arguments: text,
});

export const shownResult = ({ id, output, failed }: ToolResult): ShownResult => ({
  id,
  output,
  ...(failed === undefined ? {} : { failed }),
});

/** As many as an agent may be allowed. */
const CALLS_MAX = 1_024;
/** Characters of arguments and outputs together. */
const TEXT_MAX = 1024 * 1024;

/**
 * The agent's own calls of one answer, as far as there is room: they are shown beside the answer,
 * and an answer that is there does not fail for them.
 */
export class ShownCalls {
  readonly #calls: FinishedCall[] = [];
  /** Places of those that are over. */
  readonly #over = new Set<number>();
  #characters = 0;

  started(event: ToolStarted): void {
    const call = shownCall(event);
    if (this.#calls.length < CALLS_MAX && this.#hasRoom(call.arguments)) this.#calls.push(call);
  }

  /** Of several calls with one id, models being free to repeat them, the first that is open. */
  ended(event: ToolResult): void {
    const isIt = ({ id }: FinishedCall, at: number): boolean =>
      id === event.id && !this.#over.has(at);
    const place = this.#calls.findIndex(isIt);
    const call = this.#calls[place];
    if (call === undefined) return;
    this.#over.add(place);
    if (this.#hasRoom(event.output)) this.#calls[place] = { ...call, ...shownResult(event) };
  }

  /** Undefined when there was none. */
  get note(): CompletionNote | undefined {
    return this.#calls.length === 0 ? undefined : { tool_calls: [...this.#calls] };
  }

  #hasRoom(text: string): boolean {
    if (this.#characters + text.length > TEXT_MAX) return false;
    this.#characters += text.length;
    return true;
  }
}
