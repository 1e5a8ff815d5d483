import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { EventDraft } from './event-draft.ts';
import type { Logprob, OutputItem } from './item-schema.ts';
import { responseLogprobs } from './logprobs.ts';
import { OpenCall } from './open-call.ts';
import type { OpenItem } from './open-item.ts';
import { OpenMessage } from './open-message.ts';
import { OpenReasoning } from './open-reasoning.ts';
import { OpenTool } from './open-tool.ts';
import { outputItemId } from './item-id.ts';
import type { ItemKind } from './item-id.ts';

type ToolCallEvent = Extract<RunEvent, { type: 'tool.call' }>;
type ToolStarted = Extract<RunEvent, { type: 'tool.started' }>;
type ToolResult = Extract<RunEvent, { type: 'tool.result' }>;

/** Characters of one answer: several times what any model writes. */
const ANSWER_MAX_CHARACTERS = 16 * 1024 * 1024;
const ITEMS_MAX = 4_096;
/** Characters of arguments and outputs of the agent's own calls. */
const OWN_TEXT_MAX = 4 * 1024 * 1024;
const NOT_SHOWN = '(Not shown: the tools of this answer have said too much.)';
/** About what one token with its log probability takes, in characters. */
const LOGPROB_CHARACTERS = 64;

/** A call that is not shown before its name is known. */
interface Call {
  id: string | undefined;
  waiting: string;
  open: OpenCall | undefined;
}

/**
 * The items of one answer, as they grow. Text, refusals and reasoning are written one after
 * another. Calls stay open to the end of the answer: providers may write several at a time. The
 * agent's own tools are open while they run, several at a time too; text after them is a message of
 * its own.
 */
export class AnswerItems {
  readonly #run: string;
  readonly #calls = new Map<number, Call>();
  readonly #callIds = new Set<string>();
  readonly #running = new Set<OpenTool>();
  #items: OpenItem[] = [];
  #writing: OpenMessage | OpenReasoning | undefined;
  #latest: OpenItem | undefined;
  #shown = 0;
  #characters = 0;
  #ownCharacters = 0;

  constructor(run: string) {
    this.#run = run;
  }

  /** Of the attempt that runs, or has ended. */
  items(): OutputItem[] {
    return this.#items.map((open) => open.item());
  }

  /** @throws SwitchboardError `provider_bad_response` when the answer outgrows its bound. */
  text(delta: string, logprobs: unknown): readonly EventDraft[] {
    const tokens = logprobs === undefined ? [] : responseLogprobs(logprobs);
    if (delta === '' && tokens.length === 0) return [];
    this.#count(delta.length + sizeOf(tokens));
    return this.#message((message) => message.text(delta, tokens));
  }

  /** @throws SwitchboardError like {@link text}. */
  refusal(delta: string): readonly EventDraft[] {
    if (delta === '') return [];
    this.#count(delta.length);
    return this.#message((message) => message.refusal(delta));
  }

  /** @throws SwitchboardError like {@link text}. */
  reasoning(delta: string): readonly EventDraft[] {
    if (delta === '') return [];
    this.#count(delta.length);
    if (this.#writing instanceof OpenReasoning) return this.#writing.text(delta);
    const drafts = this.#closeWriting();
    const reasoning = new OpenReasoning(this.#nextId('reasoning'), this.#shown);
    this.#writing = reasoning;
    return [...drafts, this.#show(reasoning), ...reasoning.text(delta)];
  }

  /** @throws SwitchboardError like {@link text}. */
  call(event: ToolCallEvent): readonly EventDraft[] {
    const delta = event.arguments ?? '';
    this.#count(delta.length);
    const call = this.#calls.get(event.index) ?? { id: undefined, waiting: '', open: undefined };
    this.#calls.set(event.index, call);
    if (call.open !== undefined) {
      this.#latest = call.open;
      return call.open.write(delta);
    }
    if (this.#calls.size > ITEMS_MAX) throw tooLarge();
    call.id ??= event.id;
    call.waiting += delta;
    return event.name === undefined || event.name === '' ? [] : this.#beginCall(call, event.name);
  }

  /** @throws SwitchboardError `provider_bad_response` when there are too many items. */
  toolStarted(event: ToolStarted): readonly EventDraft[] {
    const { id: callId, name, source, arguments: text } = event;
    const drafts = this.#closeWriting();
    const tool = new OpenTool({ id: this.#nextId('mcp_call'), callId, name, source }, this.#shown);
    this.#running.add(tool);
    return [...drafts, this.#show(tool), ...tool.call(this.#ownText(text, '{}'))];
  }

  /**
   * Of several running calls with one id it ends the first; without one it is nothing.
   */
  toolEnded({ id, output, failed }: ToolResult): readonly EventDraft[] {
    const tool = [...this.#running].find(({ callId }) => callId === id);
    if (tool === undefined) return [];
    this.#running.delete(tool);
    return tool.end(this.#ownText(output, NOT_SHOWN), failed === true);
  }

  /**
   * The model has come to its end, or was cut off: then the item it was writing is incomplete.
   * An answer without any item gets an empty message, so that a client finds one to read.
   */
  finish(cut: boolean): readonly EventDraft[] {
    const drafts: EventDraft[] = [];
    for (const call of this.#calls.values()) {
      if (call.open === undefined) drafts.push(...this.#beginCall(call, ''));
    }
    if (this.#items.length === 0 && !cut) {
      drafts.push(...this.#message((message) => message.beginText()));
    }
    for (const open of this.#items) {
      drafts.push(...open.close(cut && open === this.#latest ? 'incomplete' : 'completed'));
    }
    return drafts;
  }

  /** The run has ended before the model did: what was open stays incomplete. */
  abandon(): readonly EventDraft[] {
    return this.#items.flatMap((open) => [...open.close('incomplete')]);
  }

  /**
   * Another attempt begins. What the lost one showed is closed as incomplete and no part of the
   * answer any more; the places in the stream are counted on.
   */
  restart(): readonly EventDraft[] {
    const drafts = this.abandon();
    this.#items = [];
    this.#writing = undefined;
    this.#latest = undefined;
    this.#calls.clear();
    this.#running.clear();
    this.#characters = 0;
    this.#ownCharacters = 0;
    return drafts;
  }

  #message(write: (message: OpenMessage) => readonly EventDraft[]): readonly EventDraft[] {
    if (this.#writing instanceof OpenMessage) {
      this.#latest = this.#writing;
      return write(this.#writing);
    }
    const drafts = this.#closeWriting();
    const message = new OpenMessage(this.#nextId('message'), this.#shown);
    this.#writing = message;
    return [...drafts, this.#show(message), ...write(message)];
  }

  #beginCall(call: Call, name: string): readonly EventDraft[] {
    const drafts = this.#closeWriting();
    const names = { id: this.#nextId('function_call'), callId: this.#callId(call.id), name };
    const open = new OpenCall(names, this.#shown);
    call.open = open;
    return [...drafts, this.#show(open), ...open.write(call.waiting)];
  }

  /** Clients tell calls apart by these: one that is empty or came before is replaced. */
  #callId(id: string | undefined): string {
    const callId =
      id === undefined || id === '' || this.#callIds.has(id)
        ? `call_${this.#run}_${this.#shown}`
        : id;
    this.#callIds.add(callId);
    return callId;
  }

  #show(open: OpenItem & { begin(): EventDraft }): EventDraft {
    this.#shown += 1;
    if (this.#shown > ITEMS_MAX) throw tooLarge();
    this.#items.push(open);
    this.#latest = open;
    return open.begin();
  }

  #closeWriting(): readonly EventDraft[] {
    const drafts = this.#writing?.close('completed') ?? [];
    this.#writing = undefined;
    return drafts;
  }

  #nextId(kind: ItemKind): string {
    return outputItemId(kind, this.#run, this.#shown);
  }

  /** What tools say fails no answer that is there: beyond the bound it is left out. */
  #ownText(text: string, instead: string): string {
    if (this.#ownCharacters + text.length > OWN_TEXT_MAX) return instead;
    this.#ownCharacters += text.length;
    return text;
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > ANSWER_MAX_CHARACTERS) throw tooLarge();
  }
}

function sizeOf(tokens: readonly Logprob[]): number {
  let count = 0;
  for (const { top_logprobs: top } of tokens) count += 1 + top.length;
  return count * LOGPROB_CHARACTERS;
}

function tooLarge(): SwitchboardError {
  return new SwitchboardError('provider_bad_response', 'The answer of the model is too large.');
}
