import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import { ARGUMENTS_CHARS_MAX } from '../tools/tool-input.ts';

/** Most calls of tools in one answer. */
const CALLS_MAX = 128;
/** Most text of one answer that the model is given back in the next step, in characters. */
const TEXT_CHARS_MAX = 1_048_576;

type ToolCallEvent = Extract<RunEvent, { type: 'tool.call' }>;

/** A call as far as it has come. */
export interface PartialCall {
  id: string | undefined;
  name: string | undefined;
  arguments: string;
  /** The caller's: its place among the caller's calls of this answer. */
  callerIndex: number | undefined;
}

export interface StepAnswerOptions {
  /** The tools that the caller sent. */
  readonly callerTools: ReadonlySet<string>;
  /** Whether text waits until it is known to be the run's answer. */
  readonly holdText: boolean;
}

/**
 * One answer of the model in a run with tools of its own. What is for the caller passes through;
 * calls of the agent's tools are kept. A name that is nobody's counts as the agent's: the model is
 * told, where the caller could do nothing with it.
 */
export class StepAnswer {
  readonly #options: StepAnswerOptions;
  readonly #calls = new Map<number, PartialCall>();
  readonly #held: RunEvent[] = [];
  #callerCalls = 0;
  #text = '';

  constructor(options: StepAnswerOptions) {
    this.#options = options;
  }

  get text(): string {
    return this.#text;
  }

  get callsCaller(): boolean {
    return this.#callerCalls > 0;
  }

  /** The calls of the agent's tools, in the order in which the model began them. */
  get ownCalls(): readonly PartialCall[] {
    return [...this.#calls.values()].filter(({ callerIndex }) => callerIndex === undefined);
  }

  /** Appends to `into` what the caller is shown of an event. */
  take(event: RunEvent, into: RunEvent[]): void {
    if (event.type === 'tool.call') {
      this.#takeCall(event, into);
      return;
    }
    if (event.type === 'text.delta' && this.#text.length < TEXT_CHARS_MAX) this.#text += event.text;
    this.#show(event, into);
  }

  /** What was held: with its text, if this is the run's answer. */
  release(into: RunEvent[], withText: boolean): void {
    const held = this.#held.splice(0);
    into.push(...(withText ? held : held.filter(({ type }) => type !== 'text.delta')));
  }

  #show(event: RunEvent, into: RunEvent[]): void {
    if (!this.#options.holdText) {
      into.push(event);
      return;
    }
    this.#held.push(event);
    if (this.#text.length < TEXT_CHARS_MAX) return;
    throw new SwitchboardError('provider_bad_response', 'The answer is too long to be checked.');
  }

  #takeCall(event: ToolCallEvent, into: RunEvent[]): void {
    const call = this.#callAt(event.index);
    if (call.callerIndex !== undefined) {
      this.#show({ ...event, index: call.callerIndex }, into);
      return;
    }
    call.id ??= event.id;
    call.name ??= event.name;
    // One more than allowed says that there were more.
    if (call.arguments.length <= ARGUMENTS_CHARS_MAX) call.arguments += event.arguments ?? '';
    if (call.name === undefined || !this.#options.callerTools.has(call.name)) return;
    call.callerIndex = this.#callerCalls;
    this.#callerCalls += 1;
    const { id, name, arguments: json } = call;
    const known = { ...(id === undefined ? {} : { id }), name, arguments: json };
    this.#show({ type: 'tool.call', index: call.callerIndex, ...known }, into);
  }

  #callAt(index: number): PartialCall {
    const known = this.#calls.get(index);
    if (known !== undefined) return known;
    if (this.#calls.size === CALLS_MAX) {
      const message = `The model called more than ${CALLS_MAX} tools in one answer.`;
      throw new SwitchboardError('provider_bad_response', message);
    }
    const call = { id: undefined, name: undefined, arguments: '', callerIndex: undefined };
    this.#calls.set(index, call);
    return call;
  }
}
