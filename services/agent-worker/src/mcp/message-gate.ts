import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { ServerFault } from './server-fault.ts';

/** Longest message that is read, in bytes or characters. */
export const MESSAGE_LENGTH_MAX = 4 * 1024 * 1024;
/** Most in a second of what nobody asked for: notifications, requests, garbage, unknown ids. */
export const UNASKED_MAX = 1_000;
const WINDOW_MS = 1_000;

/**
 * What a server sends goes through here: answers to what was asked, and a bounded number of
 * everything else. Without it a talkative server would take the worker's only thread, and its
 * garbage the memory.
 */
export class MessageGate {
  readonly #asked = new Set<number>();
  readonly #now: () => number;
  #windowMs = Number.NEGATIVE_INFINITY;
  #unasked = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A message was sent; answers to requests are expected from now on. */
  sent(message: JSONRPCMessage): void {
    if (!('method' in message)) return;
    if ('id' in message) this.#asked.add(Number(message.id));
    const given = cancelledId(message);
    if (given !== undefined) this.#asked.delete(given);
  }

  /**
   * The message in `text`, if it is one and means something to us. An answer to a request of ours
   * that is malformed becomes an error in its place, so that its call need not wait.
   * @throws ServerFault when the server has sent too much that nobody asked for
   */
  receive(text: string): JSONRPCMessage | undefined {
    const value = parse(text);
    const id = answeredId(value);
    if (id !== undefined && this.#asked.delete(id)) {
      const answer = JSONRPCMessageSchema.safeParse(value);
      return answer.success ? answer.data : errorAnswer(id, BAD_ANSWER, 'it is no message');
    }
    this.#count();
    if (id !== undefined) return undefined;
    const message = JSONRPCMessageSchema.safeParse(value);
    return message.success ? message.data : undefined;
  }

  /** Whether the request of this id still waits for its answer. */
  awaits(id: number): boolean {
    return this.#asked.has(id);
  }

  /** The answer of a request that will have none, if it still waits. */
  giveUp(id: number, why: string): JSONRPCMessage | undefined {
    return this.#asked.delete(id) ? errorAnswer(id, NO_ANSWER, why) : undefined;
  }

  #count(): void {
    const now = this.#now();
    if (now - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = now;
      this.#unasked = 0;
    }
    this.#unasked += 1;
    if (this.#unasked > UNASKED_MAX) throw new ServerFault('it sends too many messages');
  }
}

/** Whether it stands in the place of an answer, and the server has said nothing. */
export function isStandIn(message: JSONRPCMessage): boolean {
  return 'error' in message && message.error.code === NO_ANSWER;
}

/** Of a notice that we no longer wait for a request: which. */
export function cancelledId(message: JSONRPCMessage): number | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined;
  const id = message.params?.['requestId'];
  return typeof id === 'number' ? id : undefined;
}

/** The code of {@link MessageGate.giveUp}: ours, in the range that JSON-RPC leaves us. */
export const NO_ANSWER = -32_099;
/** Of an answer that cannot be read. */
const BAD_ANSWER = -32_098;

function errorAnswer(id: number, code: number, message: string): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

function parse(text: string): unknown {
  // Logs on stdout are the commonest garbage: they need no parser to be told apart.
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The id of what looks like an answer. The protocol's own reader takes `"7"` for 7, too. */
function answeredId(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || 'method' in value) return undefined;
  if (!('id' in value)) return undefined;
  const { id } = value;
  return typeof id === 'number' || typeof id === 'string' ? Number(id) : undefined;
}
