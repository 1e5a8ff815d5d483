/** Conversations over several responses. */
import { SwitchboardError } from '@switchboard/contract';
import { messagesOf } from './item-messages.ts';
import type { ChatMessage } from './item-messages.ts';
import type { Item, OutputItem } from './item-schema.ts';

/** One earlier response, as it is kept. */
export interface TurnRecord {
  readonly input: readonly Item[];
  readonly output: readonly OutputItem[];
}

/** The request that goes on: a `ParsedResponse` fits. */
export interface CurrentTurn {
  readonly instructions: string | null;
  readonly inputItems: readonly Item[];
  readonly truncation: 'auto' | 'disabled';
}

/**
 * The messages of the earlier turns, oldest first, and of the current one. Instructions are those
 * of the current request alone, before everything else.
 *
 * @param maxBytes most bytes of all messages as JSON, where there are earlier turns; a request by
 * itself has its own bound. With `truncation` "auto" the oldest turns are left out until they fit,
 * never one whose calls the current input answers.
 * @throws SwitchboardError `invalid_request` naming an output whose call the conversation has not,
 * or when it does not fit.
 */
export function toMessages(
  previous: readonly TurnRecord[],
  current: CurrentTurn,
  maxBytes = Number.POSITIVE_INFINITY,
): ChatMessage[] {
  const turns = previous.map(itemsOf);
  refuseOrphans(turns, current.inputItems);
  const tail = messagesOf(current.inputItems);
  const head = instructionsOf(current.instructions);
  if (turns.length === 0) return [...head, ...tail];
  const kept = fitting(turns, current, maxBytes - bytesOf([...head, ...tail]));
  return [...head, ...messagesOf(kept), ...tail];
}

/** Instructions as the first message. */
export function instructionsOf(instructions: string | null): ChatMessage[] {
  return instructions === null ? [] : [{ role: 'system', content: instructions }];
}

/** A call that was cut off has no answer, and providers refuse such a conversation. */
function itemsOf({ input, output }: TurnRecord): readonly Item[] {
  const whole = output.filter(
    (item) => item.type !== 'function_call' || item.status === 'completed',
  );
  return [...input, ...whole];
}

function refuseOrphans(turns: readonly (readonly Item[])[], input: readonly Item[]): void {
  const calls = callsOf(turns.flat());
  input.forEach((item, index) => {
    if (item.type === 'function_call') calls.add(item.call_id);
    if (item.type !== 'function_call_output' || calls.has(item.call_id)) return;
    const param = `input[${index}].call_id`;
    const message = `\`${param}\` names no function call of this conversation.`;
    throw new SwitchboardError('invalid_request', message, { param });
  });
}

function fitting(
  turns: readonly (readonly Item[])[],
  current: CurrentTurn,
  room: number,
): readonly Item[] {
  const sizes = turns.map((items) => bytesOf(messagesOf(items)));
  let total = sizes.reduce((sum, size) => sum + size, 0);
  const answered = new Set(
    current.inputItems.flatMap((item) =>
      item.type === 'function_call_output' ? [item.call_id] : [],
    ),
  );
  let first = 0;
  while (total > room) {
    const turn = turns[first];
    if (turn === undefined || current.truncation !== 'auto') throw tooLong(current.truncation);
    if (![...callsOf(turn)].every((call) => !answered.has(call))) throw tooLong('auto');
    total -= sizes[first] ?? 0;
    first += 1;
  }
  return withoutOrphans(turns.slice(first).flat());
}

/** Outputs whose calls were left out with an earlier turn. */
function withoutOrphans(items: readonly Item[]): readonly Item[] {
  const calls = callsOf(items);
  return items.filter((item) => item.type !== 'function_call_output' || calls.has(item.call_id));
}

function callsOf(items: readonly Item[]): Set<string> {
  return new Set(items.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : [])));
}

function tooLong(truncation: 'auto' | 'disabled'): SwitchboardError {
  const problem =
    truncation === 'auto'
      ? 'is longer than a request may be, also without its oldest turns.'
      : 'is longer than a request may be. `truncation`: "auto" leaves its oldest turns out.';
  return new SwitchboardError('invalid_request', `The conversation ${problem}`, {
    param: 'previous_response_id',
  });
}

function bytesOf(messages: readonly ChatMessage[]): number {
  return Buffer.byteLength(JSON.stringify(messages));
}
