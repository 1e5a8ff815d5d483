import type { AgentProfile, RunEvent } from '@switchboard/contract';
import type { RunnerContext } from '../runner/runner-context.ts';
import { boundedText } from './bounded-text.ts';
import { OUTPUT_CHARS_MAX } from './output-limit.ts';
import { readToolInput } from './tool-input.ts';
import { runTool } from './run-tool.ts';
import { OWN_TOOLS, ToolError } from './tool.ts';
import type { Tool, ToolCallRequest, ToolOutcome } from './tool.ts';

/** Longest copies of what the model wrote in events. */
const ARGUMENTS_SHOWN_CHARS = 32_768;
const NAME_SHOWN_CHARS = 64;

export type ToolLimits = Pick<
  AgentProfile,
  'max_parallel_tools' | 'max_tool_calls' | 'tool_timeout'
>;

export interface ToolCallsOptions {
  readonly tools: readonly Tool[];
  readonly limits: ToolLimits;
  readonly context: RunnerContext;
  /** Ends every call at once: the run is over, one way or another. */
  readonly signal: AbortSignal;
  /** Shows an event; resolves when the run's reader has passed it on. */
  readonly emit: (event: RunEvent) => Promise<void>;
}

/**
 * The calls of an agent's own tools over one run.
 *
 * - T1: no more than `max_parallel_tools` run at once, and `max_tool_calls` in all.
 * - T2: a call has its outcome, or the signal's reason, at the latest when its time is up: what a
 *   tool goes on with after that counts for nothing.
 * - T3: whatever a model writes and a tool does becomes an outcome that the model is told, bounded
 *   in size; only the end of the run makes it throw.
 * - T4: a tool with side effects is called at most once for an id, over all attempts of the run:
 *   that it begins is stored before it does.
 */
export class ToolCalls {
  readonly #options: ToolCallsOptions;
  readonly #tools: ReadonlyMap<string, Tool>;
  /** T4: of this attempt. */
  readonly #begun = new Map<string, Promise<ToolOutcome>>();
  #earlier: Promise<ReadonlyMap<string, { output?: string; failed?: boolean }>> | undefined;
  #left: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ToolCallsOptions) {
    this.#options = options;
    this.#tools = new Map(options.tools.map((tool) => [tool.name, tool]));
    this.#left = options.limits.max_tool_calls;
    this.#free = options.limits.max_parallel_tools;
  }

  /** How many more calls the run may make. */
  get left(): number {
    return this.#left;
  }

  /** Runs the calls of one step. @returns their outcomes, in order; rejects as the signal does */
  async run(calls: readonly ToolCallRequest[]): Promise<readonly ToolOutcome[]> {
    this.#options.signal.throwIfAborted();
    return await Promise.all(calls.map((call) => this.#one(call)));
  }

  #one(call: ToolCallRequest): Promise<ToolOutcome> {
    if (this.#left === 0) {
      const most = this.#options.limits.max_tool_calls;
      const output = `Not called: this answer has used up its ${most} calls of tools.`;
      return Promise.resolve({ id: call.id, output, failed: true });
    }
    this.#left -= 1;
    const tool = this.#tools.get(call.name);
    if (tool?.sideEffects !== true) return this.#inPlace(() => this.#shown(call, tool));
    const known = this.#begun.get(call.id);
    if (known !== undefined) return known;
    const outcome = this.#inPlace(() => this.#shown(call, tool));
    this.#begun.set(call.id, outcome);
    return outcome;
  }

  /** T1. A place that comes free is handed to the next in line. */
  async #inPlace<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      this.#options.signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  /** The call between the two events that tell of it. */
  async #shown(call: ToolCallRequest, tool: Tool | undefined): Promise<ToolOutcome> {
    const { id } = call;
    const earlier = tool?.sideEffects === true ? await this.#earlierOutcome(id) : undefined;
    await this.#emit({
      type: 'tool.started',
      id,
      name: call.name.slice(0, NAME_SHOWN_CHARS),
      source: tool?.source ?? OWN_TOOLS,
      arguments: boundedText(call.arguments, ARGUMENTS_SHOWN_CHARS),
    });
    const { output, failed } = earlier ?? (await this.#outcome(call, tool));
    await this.#emit({ type: 'tool.result', id, output, ...(failed ? { failed } : {}) });
    return { id, output, failed };
  }

  async #outcome(call: ToolCallRequest, tool: Tool | undefined): Promise<Outcome> {
    const { context, limits, signal } = this.#options;
    try {
      // The model may name anything, but nothing of any length is repeated to it.
      if (tool === undefined) throw new ToolError('There is no tool of this name.');
      const input = readToolInput(call.arguments);
      if (tool.sideEffects) await unlessAborted(context.calls?.stored(), signal);
      const timeoutMs = Math.min(limits.tool_timeout * 1_000, tool.timeoutMs ?? Infinity);
      const output = await runTool(tool, input, { context, callId: call.id, timeoutMs, signal });
      return { output: boundedText(output, OUTPUT_CHARS_MAX), failed: false };
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof ToolError)) throw thrown;
      return { output: boundedText(thrown.message, OUTPUT_CHARS_MAX), failed: true };
    }
  }

  /** T4: what is known of the id from attempts that were lost; undefined: it was never begun. */
  async #earlierOutcome(id: string): Promise<Outcome | undefined> {
    const { context, signal } = this.#options;
    if (context.attempt === 1 || context.calls === undefined) return undefined;
    this.#earlier ??= context.calls.earlierCalls();
    try {
      const call = (await unlessAborted(this.#earlier, signal)).get(id);
      if (call === undefined) return undefined;
      const { output = UNKNOWN_OUTCOME, failed = call.output === undefined } = call;
      return { output, failed };
    } catch {
      signal.throwIfAborted();
      const { run, requestId, log } = context;
      log.warn({ run, requestId }, 'what earlier attempts called is not known: a tool is left out');
      return { output: UNKNOWN_CALL, failed: true };
    }
  }

  async #emit(event: RunEvent): Promise<void> {
    await unlessAborted(this.#options.emit(event), this.#options.signal);
  }
}

type Outcome = Pick<ToolOutcome, 'output' | 'failed'>;

const UNKNOWN_OUTCOME =
  'This call was begun before and its outcome is not known: it may have been carried out. ' +
  'It is not made again.';
const UNKNOWN_CALL = 'Whether this call was made before cannot be told now: it is not made.';

/** What `promise` gives; rejects at once with the reason when `signal` aborts. */
async function unlessAborted<Value>(
  promise: Value | PromiseLike<Value>,
  signal: AbortSignal,
): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
