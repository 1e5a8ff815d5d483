/** Conversations over several responses. */
import { SwitchboardError, splitTurns } from '@switchboard/contract';
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
 * The messages of the earlier responses, oldest first, and of the current request. Instructions are
 * those of the current request alone, before everything else.
 *
 * @param maxBytes most bytes of all messages as JSON, where there are earlier responses; a request
 * by itself has its own bound. With `truncation` "auto" the oldest turns are left out until they
 * fit, by the same rule as the worker's, who counts tokens.
 * @throws SwitchboardError `invalid_request` naming an output whose call the conversation has not;
 * `context_length_exceeded` when it does not fit.
 */
export function toMessages(
  previous: readonly TurnRecord[],
  current: CurrentTurn,
  maxBytes = Number.POSITIVE_INFINITY,
): ChatMessage[] {
  const earlier = previous.flatMap(itemsOf);
  refuseOrphans(earlier, current.inputItems);
  const messages = [
    ...instructionsOf(current.instructions),
    ...messagesOf(earlier),
    ...messagesOf(current.inputItems),
  ];
  return previous.length === 0 ? messages : fitting(messages, current, maxBytes);
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

function refuseOrphans(earlier: readonly Item[], input: readonly Item[]): void {
  const calls = new Set(
    earlier.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : [])),
  );
  input.forEach((item, index) => {
    if (item.type === 'function_call') calls.add(item.call_id);
    if (item.type !== 'function_call_output' || calls.has(item.call_id)) return;
    const param = `input[${index}].call_id`;
    const message = `\`${param}\` names no function call of this conversation.`;
    throw new SwitchboardError('invalid_request', message, { param });
  });
}

function fitting(
  messages: ChatMessage[],
  { truncation }: CurrentTurn,
  maxBytes: number,
): ChatMessage[] {
  const sizes = new Map(messages.map((message) => [message, bytesOf(message)]));
  const sizeOf = (some: readonly ChatMessage[]): number =>
    some.reduce((sum, message) => sum + (sizes.get(message) ?? 0), 0);
  let total = sizeOf(messages);
  if (total <= maxBytes) return messages;
  const { head, turns } = splitTurns(messages);
  let first = 0;
  while (total > maxBytes) {
    if (truncation !== 'auto' || first >= turns.length - 1) throw tooLong(truncation);
    total -= sizeOf(turns[first] ?? []);
    first += 1;
  }
  return [...head, ...turns.slice(first).flat()];
}

function tooLong(truncation: 'auto' | 'disabled'): SwitchboardError {
  const problem =
    truncation === 'auto'
      ? 'is longer than a request may be, also without its oldest turns.'
      : 'is longer than a request may be. `truncation`: "auto" leaves its oldest turns out.';
  return new SwitchboardError('context_length_exceeded', `The conversation ${problem}`, {
    param: 'previous_response_id',
  });
}

/** And of what stands between two of them. */
function bytesOf(message: ChatMessage): number {
  return Buffer.byteLength(JSON.stringify(message)) + 1;
}
