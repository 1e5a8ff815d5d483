import { hash } from 'node:crypto';
import { ToolError } from '@switchboard/agent';
import type { FunctionTool, ToolCall, Tools } from '@switchboard/agent';
import { CallIds } from '../runner/call-ids.ts';
import type { ToolCalls } from '../tools/tool-calls.ts';
import type { Tool, ToolCallRequest } from '../tools/tool.ts';
import type { LateCalls } from './late-calls.ts';

/** The tools of one run, for a module. */
export class RunTools implements Tools {
  readonly #tools: readonly Tool[];
  readonly #calls: ToolCalls;
  readonly #late: LateCalls;
  readonly #ids = new CallIds();
  readonly #made = new Map<string, number>();

  constructor(tools: readonly Tool[], calls: ToolCalls, late: LateCalls) {
    this.#tools = tools;
    this.#calls = calls;
    this.#late = late;
  }

  /** A new list each time: the module may change its own. */
  get definitions(): FunctionTool[] {
    return this.#tools.map(({ name, description, parameters }) => ({
      type: 'function',
      function: { name, description, parameters: { ...parameters } },
    }));
  }

  async call(name: string, input: unknown): Promise<string> {
    const [outcome] = await this.#run([this.#requestOf(name, input)]);
    if (outcome === undefined) throw new TypeError('a call has no outcome');
    if (outcome.failed) throw new ToolError(outcome.output);
    return outcome.output;
  }

  async answer(calls: readonly ToolCall[]): ReturnType<Tools['answer']> {
    // The model knows its calls by its own ids, which need not be unique.
    const given = calls.map(({ id }) => id);
    const outcomes = await this.#run(
      calls.map(({ id, function: { name, arguments: json } }) => ({
        id: this.#ids.idOf(id, name, json),
        name,
        arguments: json,
      })),
    );
    return outcomes.map(({ output }, index) => {
      return { role: 'tool', tool_call_id: given[index] ?? '', content: output };
    });
  }

  #run(calls: readonly ToolCallRequest[]): ReturnType<ToolCalls['run']> {
    return this.#late.failLater(() => this.#calls.run(calls));
  }

  /**
   * The id says what is called with what, and which time it is: the same call of a later attempt
   * has the same one, and so is not made twice.
   */
  #requestOf(name: string, input: unknown): ToolCallRequest {
    const json = JSON.stringify(input ?? {}) ?? '{}';
    const what = hash('sha256', `${name} ${json}`, 'hex').slice(0, 24);
    const time = (this.#made.get(what) ?? 0) + 1;
    this.#made.set(what, time);
    return { id: `code_${what}_${time}`, name, arguments: json };
  }
}
