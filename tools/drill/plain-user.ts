/** One answer for a user of the plain openai SDK, taken up again where a restart ended it. */
import { setTimeout as delay } from 'node:timers/promises';

import { APIError, OpenAI } from 'openai';

import { echoOf } from './words.ts';

/**
 * - `response`: a stream of the Responses API; taken up by its id.
 * - `keyed chat`: a stream with an `Idempotency-Key`; taken up by `Last-Event-ID`.
 * - `whole keyed chat`: not streamed; joined by the same request.
 * - `chat`: a stream without a key, which nobody can take up.
 */
export const PLAIN_KINDS = ['response', 'keyed chat', 'whole keyed chat', 'chat'] as const;
export type PlainKind = (typeof PLAIN_KINDS)[number];

export interface PlainPlan {
  /** Sent as `x-request-id`, and as the key where there is one. */
  readonly id: string;
  readonly kind: PlainKind;
  readonly url: string;
  readonly seconds: number;
}

export interface PlainResult {
  readonly id: string;
  readonly kind: PlainKind;
  readonly expected: string;
  readonly text: string;
  /** Streams that ended with the error `shutting_down`. */
  readonly marked: number;
  /** Answers 503 `shutting_down` with `retry-after`, after the SDK's own attempts. */
  readonly refused: number;
  /** Whether such an end was the last word: only a chat without a key cannot be taken up. */
  readonly ended: boolean;
  /** Anything else that the SDK threw, or a stream that stopped without an end. */
  readonly failure: string | undefined;
}

const TAKEN_UP_MAX = 20;
const RETRY_MS = 1_000;
const TIMEOUT_MS = 180_000;

/** What has come of an answer so far. */
interface Reading {
  readonly plan: PlainPlan;
  readonly model: string;
  readonly expected: string;
  text: string;
  /** The response, or the run of a chat. */
  id: string;
  /** Number of the last event, or of the last chunk. */
  last: number;
}

/** Reads an answer to its end. Never rejects. */
export async function askPlainly(plan: PlainPlan): Promise<PlainResult> {
  const { id, kind, url, seconds } = plan;
  const { script, text: expected } = echoOf(id, seconds);
  const headers = { 'x-request-id': id };
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'drill',
    defaultHeaders: kind.includes('keyed') ? { ...headers, 'idempotency-key': id } : headers,
    timeout: TIMEOUT_MS,
    logLevel: 'off',
  });
  const reading: Reading = { plan, model: `sim/${script}`, expected, text: '', id: '', last: 0 };
  const counts = { marked: 0, refused: 0 };
  const result = (ended: boolean, failure?: string): PlainResult => {
    return { id, kind, expected, text: reading.text, ...counts, ended, failure };
  };
  for (;;) {
    try {
      await read(client, reading);
      return result(false);
    } catch (error) {
      const end = resumableEnd(error);
      if (end === undefined) return result(false, failureText(error));
      counts[end] += 1;
      if (kind === 'chat' && hasBegun(error)) return result(true);
      if (counts.marked + counts.refused > TAKEN_UP_MAX) return result(false, 'never came through');
      await delay(RETRY_MS);
    }
  }
}

/** The ends that a draining gateway may give: the last event of a stream, or a 503. */
function resumableEnd(error: unknown): 'marked' | 'refused' | undefined {
  if (!(error instanceof APIError) || error.code !== 'shutting_down') return undefined;
  if (error.status === undefined) return 'marked';
  const again = error.status === 503 && error.headers?.has('retry-after') === true;
  return again ? 'refused' : undefined;
}

/** Whether a run had begun, which the gateway then has ended. */
function hasBegun(error: unknown): boolean {
  if (!(error instanceof APIError)) return false;
  return error.status === undefined || error.headers?.get('x-should-retry') === 'false';
}

async function read(client: OpenAI, reading: Reading): Promise<void> {
  switch (reading.plan.kind) {
    case 'response':
      return await readResponse(client, reading);
    case 'whole keyed chat':
      return await readWhole(client, reading);
    case 'keyed chat':
    case 'chat':
      return await readChat(client, reading);
  }
}

async function readResponse(client: OpenAI, reading: Reading): Promise<void> {
  const { model, expected: input } = reading;
  const events =
    reading.id === ''
      ? await client.responses.create({ model, input, stream: true, store: false })
      : await client.responses.retrieve(reading.id, {
          stream: true,
          starting_after: reading.last,
        });
  let whole = false;
  for await (const event of events) {
    reading.last = event.sequence_number;
    if (event.type === 'response.created') reading.id = event.response.id;
    if (event.type === 'response.output_text.delta') reading.text += event.delta;
    if (event.type === 'response.failed') throw new Error(event.response.error?.code);
    whole ||= event.type === 'response.completed';
  }
  if (!whole) throw new Error('the stream stopped without an end');
}

async function readChat(client: OpenAI, reading: Reading): Promise<void> {
  const { model, expected: content } = reading;
  const resumed = reading.last === 0 ? {} : { 'last-event-id': `${reading.id}:${reading.last}` };
  const chunks = await client.chat.completions.create(
    { model, messages: [{ role: 'user', content }], stream: true },
    { headers: resumed },
  );
  let whole = false;
  for await (const { id, choices } of chunks) {
    reading.id = id.replace('chatcmpl-', '');
    reading.last += 1;
    reading.text += choices[0]?.delta.content ?? '';
    whole ||= choices[0]?.finish_reason === 'stop';
  }
  if (!whole) throw new Error('the stream stopped without an end');
}

async function readWhole(client: OpenAI, reading: Reading): Promise<void> {
  const { model, expected: content } = reading;
  const messages = [{ role: 'user' as const, content }];
  const answer = await client.chat.completions.create({ model, messages });
  reading.text = answer.choices[0]?.message.content ?? '';
}

/** With every cause: the SDK says only that the connection failed. */
function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const status = error instanceof APIError ? ` ${error.status ?? 'without a status'}` : '';
  const cause = error.cause === undefined ? '' : `, by ${failureText(error.cause)}`;
  return `${error.name}${status}: ${error.message}${cause}`;
}
