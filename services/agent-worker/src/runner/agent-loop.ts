import { SwitchboardError, toError } from '@switchboard/contract';
import type { AgentProfile, RunEvent } from '@switchboard/contract';
import { ToolCalls } from '../tools/tool-calls.ts';
import { readToolInput } from '../tools/tool-input.ts';
import type { Tool, ToolCallRequest, ToolOutcome } from '../tools/tool.ts';
import { CallIds } from './call-ids.ts';
import type { Answer, ProviderRequest } from './chat-provider.ts';
import { EventOutbox } from './event-outbox.ts';
import type { RunnerContext } from './runner-context.ts';
import { StepAnswer } from './step-answer.ts';
import { callerToolNames, refuseOwnNames, withTools } from './tool-request.ts';

export interface AgentLoopOptions {
  /** The agent's own, at least one. */
  readonly tools: readonly Tool[];
  readonly profile: AgentProfile;
  /** The first request, without the agent's tools. */
  readonly body: ProviderRequest;
  readonly context: RunnerContext;
  /** Ends everything at once: the caller's signal, or the run's time is over. */
  readonly signal: AbortSignal;
  /** Begins one answer of the model. */
  readonly ask: (body: ProviderRequest) => Answer;
  /** Whether only the text of the last step is shown: it is to be read as JSON. */
  readonly holdText: boolean;
}

type Completed = Extract<RunEvent, { type: 'completed' }>;

/**
 * The answer of an agent with tools of its own: the model is asked, the tools that it calls are run
 * and it is told what they gave, until it answers without calling one.
 *
 * - A1: the model is asked at most `max_steps` times. In the last step, and when `max_tool_calls`
 *   are used up, it may call no tool of the agent's; if it does, that is `too_many_steps`.
 * - A2: an answer that calls a tool of the caller's ends the run as it does without tools of the
 *   agent's own. What it calls of those in the same breath is left out, because the caller could
 *   not give the model what they gave: the model calls them again when the caller comes back.
 * - A3: what the signal aborts stops at once, and `close` leaves nothing under way.
 */
export class AgentLoop implements Answer {
  readonly #options: AgentLoopOptions;
  readonly #callerTools: ReadonlySet<string>;
  readonly #messages: unknown[];
  readonly #ids = new CallIds();
  readonly #toolCalls: ToolCalls;
  readonly #left = new AbortController();
  #steps = 0;
  #turn: Answer | undefined;
  #step: StepAnswer | undefined;
  /** While tools run. */
  #outbox: EventOutbox | undefined;
  #outcomes: Promise<readonly ToolOutcome[]> = Promise.resolve([]);
  /** What broke the run behind events that had to be handed over first. */
  #failure: Error | undefined;

  /** @throws SwitchboardError `invalid_request` when caller and agent have a tool of one name */
  constructor(options: AgentLoopOptions) {
    this.#options = options;
    const { tools, profile, body, context, signal } = options;
    refuseOwnNames(body, tools);
    this.#callerTools = callerToolNames(body);
    this.#messages = [...body.messages];
    this.#toolCalls = new ToolCalls({
      tools,
      limits: profile,
      context,
      signal: AbortSignal.any([signal, this.#left.signal]),
      emit: async (event) => await this.#outbox?.push(event),
    });
  }

  /** @throws SwitchboardError `too_many_steps`, and what the model's answers throw */
  async read(into: RunEvent[]): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const start = into.length;
    try {
      while (into.length === start) {
        if (this.#outbox !== undefined) await this.#readTools(this.#outbox, into);
        else if (!(await this.#readModel(into))) return false;
      }
    } catch (thrown) {
      if (into.length === start) throw thrown;
      this.#failure = toError(thrown);
    }
    return true;
  }

  close(): void {
    this.#turn?.close();
    this.#left.abort(new Error('nobody reads the run any more'));
  }

  get #isLast(): boolean {
    return this.#steps >= this.#options.profile.max_steps || this.#toolCalls.left === 0;
  }

  /** False: the run's answer is whole. */
  async #readModel(into: RunEvent[]): Promise<boolean> {
    this.#turn ??= this.#ask();
    this.#step ??= new StepAnswer({
      callerTools: this.#callerTools,
      holdText: this.#options.holdText,
    });
    const piece: RunEvent[] = [];
    await this.#turn.read(piece);
    for (const event of piece) {
      if (event.type === 'completed') return this.#endStep(this.#step, event, into);
      this.#step.take(event, into);
    }
    return true;
  }

  #ask(): Answer {
    const { tools, body, ask } = this.#options;
    this.#steps += 1;
    const place = { isFirst: this.#steps === 1, isLast: this.#isLast };
    return ask(withTools({ ...body, messages: [...this.#messages] }, tools, place));
  }

  /** True: the run goes on with the tools that were called. */
  #endStep(step: StepAnswer, completed: Completed, into: RunEvent[]): boolean {
    const isCut =
      completed.finishReason === 'length' || completed.finishReason === 'content_filter';
    const isAnswer = isCut || step.callsCaller || step.ownCalls.length === 0;
    step.release(into, isAnswer);
    if (isAnswer) {
      into.push(completed);
      return false;
    }
    if (this.#isLast) throw tooManySteps(this.#options.profile);
    this.#turn?.close();
    this.#turn = undefined;
    this.#step = undefined;
    this.#call(step);
    return true;
  }

  #call(step: StepAnswer): void {
    const calls = step.ownCalls.map(({ id, name = '', arguments: json }): ToolCallRequest => {
      return { id: this.#ids.idOf(id, name, json), name, arguments: json };
    });
    this.#messages.push({
      role: 'assistant',
      content: step.text === '' ? null : step.text,
      tool_calls: calls.map(({ id, name, arguments: json }) => ({
        id,
        type: 'function',
        function: { name, arguments: readable(json) },
      })),
    });
    const outbox = new EventOutbox();
    this.#outbox = outbox;
    this.#outcomes = this.#toolCalls.run(calls).finally(() => outbox.close());
    // Whoever reads on meets it; nobody may.
    this.#outcomes.catch(() => undefined);
  }

  async #readTools(outbox: EventOutbox, into: RunEvent[]): Promise<void> {
    if (await outbox.read(into)) return;
    for (const { id, output } of await this.#outcomes) {
      this.#messages.push({ role: 'tool', tool_call_id: id, content: output });
    }
    this.#outbox = undefined;
  }
}

/** Endpoints refuse a conversation in which the arguments of a call cannot be read. */
function readable(json: string): string {
  try {
    readToolInput(json);
    return json.trim() === '' ? '{}' : json;
  } catch {
    // The model is told with the outcome of the call.
    return '{}';
  }
}

function tooManySteps({ max_steps: steps, max_tool_calls: calls }: AgentProfile): SwitchboardError {
  const limits = `${steps} steps and ${calls} calls of tools`;
  const message = `The model went on calling tools when its limits were used up: ${limits}.`;
  return new SwitchboardError('too_many_steps', message);
}
