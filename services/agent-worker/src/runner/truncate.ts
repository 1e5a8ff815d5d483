/** Conversations that are longer than the model takes. */
import { SwitchboardError, splitTurns } from '@switchboard/contract';
import type { AgentProfile, TurnMessage } from '@switchboard/contract';
import type { ProviderRequest } from './chat-provider.ts';
import type { Countable, TokenCounter } from './token-count.ts';

export interface FitOptions {
  readonly counter: Pick<TokenCounter, 'count'>;
  readonly signal: AbortSignal;
}

/** Kept for an answer that nobody has bounded; a quarter of a small context. */
const ANSWER_TOKENS = 4_096;
/** What models put around a message, and around the parts of one. */
const MESSAGE_TOKENS = 4;
const PART_TOKENS = 3;
/** The most that OpenAI counts by tiles for an image, whose size is not looked at. */
const IMAGE_TOKENS = 1_445;
const SMALL_IMAGE_TOKENS = 85;
const DATA_URL = /^data:[\w.+-]+\/[\w.+-]+;base64,/;

/**
 * The request with as much of its conversation as fits beside the answer: the system prompt and the
 * newest turns, whole. Unchanged when all fits, or when the agent's `context_tokens` are not known.
 * The same request always gives the same one.
 *
 * Counting stops where the room ends, so that its cost is bounded by the model's context and not
 * by the conversation; a short conversation is not counted at all.
 *
 * @throws SwitchboardError `context_length_exceeded` when the last turn alone is too long; the
 *   signal's reason
 */
export async function fitContext(
  body: ProviderRequest,
  { context_tokens: contextTokens }: Pick<AgentProfile, 'context_tokens'>,
  { counter, signal }: FitOptions,
): Promise<ProviderRequest> {
  if (contextTokens === undefined) return body;
  const room = contextTokens - answerTokens(body, contextTokens);
  const { head, turns } = splitTurns(body.messages as readonly TurnMessage[]);
  const earlier = turns.slice(0, -1);
  // What is never left out is one group, and the first; then the turns, the newest first.
  const fixed = [...head, ...turns.slice(-1).flat()];
  const groups = [[...fixed, ...besides(body)], ...earlier.toReversed()];
  if (surelyFits(groups, room)) return body;
  const sums = await counter.count(groups.map(countables), room, signal);
  const total = sums.reduce((sum, tokens) => sum + tokens, 0);
  if (total <= room) return body;
  // The last group that was begun is the first that does not fit.
  const kept = sums.length - 2;
  if (kept < 0) throw tooLong(contextTokens, room);
  const newest = kept === 0 ? [] : earlier.slice(-kept);
  return { ...body, messages: [...head, ...newest.flat(), ...turns.slice(-1).flat()] };
}

/** What the model is given besides the messages, as the JSON that it is. */
function besides(body: ProviderRequest): readonly string[] {
  const fields = [body['tools'], body['functions'], body['response_format']];
  return fields.filter((field) => isSet(field)).map((field) => JSON.stringify(field));
}

function answerTokens(body: ProviderRequest, contextTokens: number): number {
  const asked = body['max_completion_tokens'] ?? body['max_tokens'];
  if (typeof asked === 'number') return asked;
  return Math.min(ANSWER_TOKENS, Math.floor(contextTokens / 4));
}

/** A token is a byte at least. */
function surelyFits(groups: readonly (readonly unknown[])[], room: number): boolean {
  let left = room;
  for (const group of groups) {
    for (const value of countables(group)) {
      left -= typeof value === 'number' ? value : Buffer.byteLength(value);
      if (left < 0) return false;
    }
  }
  return true;
}

/** All texts in the values, however deep, and what is counted without one. */
function* countables(values: readonly unknown[]): Generator<Countable> {
  for (const value of values) {
    yield MESSAGE_TOKENS;
    const waiting: unknown[] = [value];
    // Not by recursion: what a caller sends may be nested deeper than the stack.
    while (waiting.length > 0) {
      const inner = waiting.pop();
      if (typeof inner === 'string') {
        yield DATA_URL.test(inner) ? IMAGE_TOKENS : inner;
      } else if (isObject(inner)) {
        yield PART_TOKENS;
        if (isObject(inner['image_url'])) yield imageTokens(inner['image_url']);
        // One by one: an object may have more fields than a call takes arguments.
        else for (const field of Object.values(inner)) waiting.push(field);
      } else {
        if (Array.isArray(inner)) for (const element of inner) waiting.push(element);
        // However many values have no text, the counter need not go through all in one turn.
        yield 0;
      }
    }
  }
}

function imageTokens({ detail }: Readonly<Record<string, unknown>>): number {
  return detail === 'low' ? SMALL_IMAGE_TOKENS : IMAGE_TOKENS;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooLong(contextTokens: number, room: number): SwitchboardError {
  const left = Math.max(0, room);
  return new SwitchboardError(
    'context_length_exceeded',
    `The agent's model takes ${contextTokens} tokens, of which ${left} are left for the request ` +
      'beside its answer. What cannot be left out (the system prompt, the tools and the last ' +
      'turn of the conversation) is longer.',
    { param: 'messages' },
  );
}
