/**
 * Conversations as whole turns: what may be left out of one that is too long. Gateways measure
 * turns in bytes (what a message may carry), workers in tokens (what the model takes); the rule is
 * the same.
 */

/** A chat completion's message, as far as turns are concerned. */
export interface TurnMessage {
  readonly role: string;
  readonly [field: string]: unknown;
}

export interface Conversation<M> {
  /** The system prompt: never left out. */
  readonly head: readonly M[];
  /**
   * The rest, oldest first. A turn is a message of the user and everything until the next one;
   * what comes before the first of the user is a turn, too. No result of a tool is in another turn
   * than its call. The last one is what is to be answered: never left out.
   */
  readonly turns: readonly (readonly M[])[];
}

export function splitTurns<M extends TurnMessage>(messages: readonly M[]): Conversation<M> {
  const found = messages.findIndex((message) => !isSystem(message));
  const headEnd = found < 0 ? messages.length : found;
  const inCall = betweenCallAndResult(messages);
  const turns: (readonly M[])[] = [];
  let start = headEnd;
  for (let index = headEnd + 1; index < messages.length; index += 1) {
    if (inCall[index] === true || !beginsTurn(messages, index)) continue;
    turns.push(messages.slice(start, index));
    start = index;
  }
  if (start < messages.length) turns.push(messages.slice(start));
  return { head: messages.slice(0, headEnd), turns };
}

/** Later system messages belong to the turn of the user that they precede. */
function beginsTurn(messages: readonly TurnMessage[], index: number): boolean {
  const before = messages[index - 1];
  if (before !== undefined && isSystem(before)) return false;
  for (let next = index; next < messages.length; next += 1) {
    const message = messages[next];
    if (message === undefined || !isSystem(message)) return message?.role === 'user';
  }
  return false;
}

function isSystem({ role }: TurnMessage): boolean {
  return role === 'system' || role === 'developer';
}

/**
 * Whether a cut before the message would leave a result without its call. Ids may come again in
 * later turns: a result is that of the last call before it.
 */
function betweenCallAndResult(messages: readonly TurnMessage[]): readonly boolean[] {
  const calledAt = new Map<string, number>();
  /** How many stretches from a call to its result begin and end at a message. */
  const change = Array.from({ length: messages.length + 1 }, () => 0);
  for (const [index, message] of messages.entries()) {
    for (const id of callIds(message)) calledAt.set(id, index);
    const call = resultOf(message);
    const from = call === undefined ? undefined : calledAt.get(call);
    if (from === undefined) continue;
    change[from + 1] = (change[from + 1] ?? 0) + 1;
    change[index + 1] = (change[index + 1] ?? 0) - 1;
  }
  let open = 0;
  return messages.map((_, index) => {
    open += change[index] ?? 0;
    return open > 0;
  });
}

function callIds({ tool_calls: calls }: TurnMessage): readonly string[] {
  if (!Array.isArray(calls)) return [];
  return calls.flatMap((call: unknown) => {
    if (typeof call !== 'object' || call === null || !('id' in call)) return [];
    return typeof call.id === 'string' ? [call.id] : [];
  });
}

function resultOf({ role, tool_call_id: call }: TurnMessage): string | undefined {
  return role === 'tool' && typeof call === 'string' ? call : undefined;
}
