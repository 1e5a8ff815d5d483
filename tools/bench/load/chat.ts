import { request as httpRequest } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';

import { SseText } from './sse-text.ts';

export interface ChatCall {
  /** The API's root: `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly user: string;
  readonly stream: boolean;
  readonly content?: string;
  readonly requestId?: string;
  readonly apiKey?: string;
  /** Told when each part of a stream's text is here: `performance.now()`. */
  readonly onToken?: (atMs: number) => void;
  /** The caller leaves. */
  readonly signal?: AbortSignal;
}

export interface ChatResult {
  /** `performance.now()` when the request was sent. */
  readonly sentAtMs: number;
  /** Milliseconds from sending to the first text of a stream; NaN without. */
  readonly firstTokenMs: number;
  /** Milliseconds from sending to the end of the answer. */
  readonly totalMs: number;
  /** The gateway's `x-queue-wait-ms`; NaN without. */
  readonly queueWaitMs: number;
  /** Text of a stream. */
  readonly text: string;
  /** Why there is no whole answer. */
  readonly failure?: string;
}

const TIMEOUT_MS = 120_000;

/** Sends one chat over a keep-alive connection of `agent`. Never rejects: a failure is a result. */
export async function chat(agent: Agent, call: ChatCall): Promise<ChatResult> {
  const body = JSON.stringify({
    model: call.model,
    user: call.user,
    stream: call.stream,
    messages: [{ role: 'user', content: call.content ?? 'Hello' }],
  });
  const sentAtMs = performance.now();
  const base = { sentAtMs, firstTokenMs: NaN, queueWaitMs: NaN, text: '' };
  try {
    const response = await send(agent, call, body);
    const queueWaitMs = Number(response.headers['x-queue-wait-ms'] ?? NaN);
    const read = call.stream ? await readStream(response, call.onToken) : await readWhole(response);
    const totalMs = performance.now() - sentAtMs;
    const firstTokenMs = read.firstTokenAtMs - sentAtMs;
    const { failure, text } = read;
    const result = { sentAtMs, firstTokenMs, totalMs, queueWaitMs, text };
    return failure === undefined ? result : { ...result, failure };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { ...base, totalMs: performance.now() - sentAtMs, failure };
  }
}

function send(agent: Agent, call: ChatCall, body: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { apiKey, requestId, signal } = call;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const sending = httpRequest(`${call.baseUrl}/chat/completions`, {
    agent,
    method: 'POST',
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  });
  sending.on('response', resolve).on('error', reject).end(body);
  return promise;
}

/** Reads `url` over a keep-alive connection of `agent`. Rejects when there is no answer. */
export async function get(agent: Agent, url: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sending = httpRequest(url, { agent, signal: AbortSignal.timeout(TIMEOUT_MS) });
  sending.on('response', resolve).on('error', reject).end();
  await readWhole(await promise);
}

interface Read {
  readonly firstTokenAtMs: number;
  readonly text: string;
  readonly failure?: string;
}

async function readWhole(response: IncomingMessage): Promise<Read> {
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) length += chunk.byteLength;
  const { complete, statusCode: status } = response;
  const failure = status !== 200 ? `status ${status}` : complete && length > 0 ? '' : 'cut';
  const read = { firstTokenAtMs: NaN, text: '' };
  return failure === '' ? read : { ...read, failure };
}

async function readStream(
  response: IncomingMessage,
  onToken: (atMs: number) => void = () => {},
): Promise<Read> {
  const events = new SseText();
  let firstTokenAtMs = NaN;
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    const before = events.chunks;
    events.add(chunk);
    const nowMs = performance.now();
    for (let token = before; token < events.chunks; token++) onToken(nowMs);
    if (Number.isNaN(firstTokenAtMs) && events.chunks > 0) firstTokenAtMs = nowMs;
  }
  const { done, failure, text } = events;
  const read = { firstTokenAtMs, text };
  if (response.statusCode !== 200) return { ...read, failure: `status ${response.statusCode}` };
  if (failure !== undefined) return { ...read, failure };
  return done ? read : { ...read, failure: 'the stream ended without [DONE]' };
}
