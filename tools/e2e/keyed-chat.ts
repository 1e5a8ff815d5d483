import { chat } from './chat.ts';
import type { ChatBody } from './chat.ts';
import { sseEvents } from './sse.ts';

/** A stream of a chat, as far as it was read. */
export interface ReadChat {
  /** The `id` of each numbered event. */
  readonly ids: readonly string[];
  readonly text: string;
  /** Code of the error it ended with. */
  readonly error: string | undefined;
  /** Whether it came to `[DONE]`. */
  readonly done: boolean;
}

export interface KeyedChat {
  readonly key: string;
  readonly requestId: string;
  /** The last event that the caller has. */
  readonly after?: string | undefined;
}

interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string | null } }[];
  readonly error?: { readonly code: string };
}

/** Sends a chat with an `Idempotency-Key` and reads all of its stream, or `words` words of it. */
export async function keyedChat(
  url: string,
  body: ChatBody,
  { key, requestId, after }: KeyedChat,
  words = Number.POSITIVE_INFINITY,
): Promise<ReadChat> {
  const leaving = new AbortController();
  const resumed = after === undefined ? {} : { 'last-event-id': after };
  const headers = { 'idempotency-key': key, ...resumed };
  const response = await chat(url, body, { requestId, headers, signal: leaving.signal });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const read = await readChat(response, words);
  leaving.abort();
  return read;
}

/** Reads a stream until its end, or until it has brought so many words. */
export async function readChat(
  response: Response,
  words = Number.POSITIVE_INFINITY,
): Promise<ReadChat> {
  const ids: string[] = [];
  let text = '';
  let error: string | undefined;
  for await (const { data, id } of sseEvents(response)) {
    if (data === '[DONE]') return { ids, text, error, done: true };
    if (id !== undefined) ids.push(id);
    const chunk = JSON.parse(data) as Chunk;
    text += chunk.choices?.[0]?.delta.content ?? '';
    error = chunk.error?.code;
    if (text.trim().split(' ').length >= words) break;
  }
  return { ids, text, error, done: false };
}
