/** One request of a soak over plain HTTP, and whether its answer is whole. */
import { setTimeout as delay } from 'node:timers/promises';

import { wordsOf } from './words.ts';

/**
 * - `brief chat`, `chat stream`: nothing is kept of them.
 * - `keyed chat`: streamed; kept for its `Idempotency-Key`.
 * - `stored response`, `background`: kept until somebody deletes them.
 * - `large chat`: its prompt does not fit into a message of NATS.
 */
export type SoakKind =
  'brief chat' | 'chat stream' | 'keyed chat' | 'stored response' | 'background' | 'large chat';

export interface SoakResult {
  readonly id: string;
  readonly kind: SoakKind;
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** `full`: refused as `storage_full`, with the time to come back. */
  readonly outcome: 'whole' | 'full' | 'wrong';
  /** Of `wrong`: what came. */
  readonly evidence: string | undefined;
  /** The stored response, which somebody has to delete. */
  readonly stored: string | undefined;
}

const TIMEOUT_MS = 60_000;
const POLL_MS = 500;
const WORDS = 20;
/** All events of an answer are kept for its key. */
const KEYED_WORDS = 150;
const PACE_MS = 25;
const BACKGROUND_PACE_MS = 100;
/** Some of these are always under way, also when their bucket is full. */
const THINK_MS = 2_000;
/** What fills the buckets. */
const FILLER = 'x'.repeat(8 * 1_024);
/** Above the `max_payload` of the soak's NATS. */
const LARGE_FILLER = 'x'.repeat(300 * 1_024);
const SCRIPT = `sim/text=echo,pace=${PACE_MS}`;

interface Answered {
  readonly text: string;
  readonly stored?: string;
}

class FullError extends Error {}

const ASKS: Readonly<Record<SoakKind, (url: string, id: string) => Promise<Answered>>> = {
  'brief chat': async (url, id) => await chat(url, id, { model: 'sim/text=echo' }, id),
  'chat stream': async (url, id) => await chat(url, id, { model: SCRIPT, stream: true }),
  'keyed chat': async (url, id) => {
    const body = { model: `sim/text=echo,think=${THINK_MS}`, stream: true };
    return await chat(url, id, body, textOf(id, 'keyed chat'));
  },
  'stored response': async (url, id) => {
    return await respond(url, id, { model: SCRIPT, store: true, input: inputOf(id) });
  },
  background: async (url, id) => {
    const model = `sim/text=echo,pace=${BACKGROUND_PACE_MS}`;
    return await respond(url, id, { model, background: true, store: true, input: inputOf(id) });
  },
  'large chat': async (url, id) => {
    const model = `${SCRIPT},think=${THINK_MS}`;
    return await chat(url, id, { model }, undefined, LARGE_FILLER);
  },
};

/** Sends a request and waits for its end. Never rejects. */
export async function sendSoak(url: string, kind: SoakKind, id: string): Promise<SoakResult> {
  const sentAtMs = performance.now();
  const result = (outcome: SoakResult['outcome'], evidence?: string, stored?: string) => {
    return { id, kind, sentAtMs, endedAtMs: performance.now(), outcome, evidence, stored };
  };
  try {
    const { text, stored } = await ASKS[kind](url, id);
    if (text === textOf(id, kind)) return result('whole', undefined, stored);
    return result('wrong', `${JSON.stringify(text.slice(0, 200))} instead of its text`, stored);
  } catch (error) {
    if (error instanceof FullError) return result('full');
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : '';
    return result('wrong', `${String(error)} ${String(cause)}`.trim());
  }
}

/** Deletes a stored response. @throws when it cannot be */
export async function deleteStored(url: string, id: string): Promise<void> {
  await ask(`${url}/v1/responses/${id}`, { method: 'DELETE' });
}

function textOf(id: string, kind?: SoakKind): string {
  if (kind === 'brief chat') return id;
  return wordsOf(id, kind === 'keyed chat' ? KEYED_WORDS : WORDS);
}

function inputOf(id: string): readonly object[] {
  return [FILLER, textOf(id)].map((content) => ({ type: 'message', role: 'user', content }));
}

async function chat(
  url: string,
  id: string,
  body: { model: string; stream?: boolean },
  content = textOf(id),
  filler?: string,
): Promise<Answered> {
  const messages = [filler, content].flatMap((each) =>
    each === undefined ? [] : [{ role: 'user', content: each }],
  );
  const answer = await post(`${url}/v1/chat/completions`, id, { ...body, messages });
  if (body.stream === true) {
    const chunks = eventsOf(answer) as readonly Chunk[];
    return { text: chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('') };
  }
  return { text: (JSON.parse(answer) as Chunk).choices?.[0]?.message?.content ?? '' };
}

async function respond(url: string, id: string, body: object): Promise<Answered> {
  const answer = await post(`${url}/v1/responses`, id, body);
  let response = JSON.parse(answer) as Response;
  while (response.status === 'queued' || response.status === 'in_progress') {
    await delay(POLL_MS);
    response = JSON.parse(await ask(`${url}/v1/responses/${response.id}`, {})) as Response;
  }
  return { text: outputOf(response), stored: response.id };
}

async function post(url: string, id: string, body: object): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    'x-request-id': id,
    ...(id.startsWith('keyed') ? { 'idempotency-key': id } : {}),
  };
  return await ask(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function ask(url: string, request: RequestInit): Promise<string> {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  if (response.ok) return text;
  const isFull = response.status === 503 && text.includes('"storage_full"');
  if (isFull && response.headers.has('retry-after')) throw new FullError();
  throw new Error(`status ${response.status} ${text.slice(0, 300)}`);
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
}

interface Response {
  readonly id: string;
  readonly status: string;
  readonly output: readonly { readonly content?: readonly { readonly text?: string }[] }[];
}

/** The text of a completed response; of another one, what became of it. */
function outputOf(response: Response): string {
  if (response.status !== 'completed') return JSON.stringify(response);
  return response.output
    .flatMap(({ content }) => content ?? [])
    .map(({ text }) => text ?? '')
    .join('');
}

/** The events of a stream that has been read whole. */
function eventsOf(stream: string): readonly unknown[] {
  const data = stream.split('\n').filter((line) => line.startsWith('data: {'));
  return data.map((line): unknown => JSON.parse(line.slice('data: '.length)));
}
