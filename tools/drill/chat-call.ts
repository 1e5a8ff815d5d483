/** One chat that is not streamed, over connections that are kept open, as SDKs do. */
import { type Agent, request } from 'node:http';

export interface ChatCall {
  readonly url: string;
  readonly agent: Agent;
  readonly model: string;
  readonly user: string;
  /** API key; default: none is sent. */
  readonly key?: string | undefined;
  readonly deadlineMs?: number | undefined;
}

/** What came of it. Times are `performance.now()`. */
export interface ChatOutcome {
  readonly user: string;
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** 0 when the connection broke or no answer came in time. */
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | undefined;
  readonly retryAfterMs: string | undefined;
  readonly shouldRetry: string | undefined;
  /** From the queue's acceptance to the start of the run, as the gateway says. */
  readonly queueWaitMs: number | undefined;
}

const ANSWER_WITHIN_MS = 120_000;

/** Never rejects. */
export function callChat(call: ChatCall): Promise<ChatOutcome> {
  const { agent, deadlineMs, key, model, url, user } = call;
  const sentAtMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<ChatOutcome>();
  const sending = request(`${url}/v1/chat/completions`, {
    method: 'POST',
    agent,
    timeout: ANSWER_WITHIN_MS,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(deadlineMs === undefined ? {} : { 'x-request-deadline': `${deadlineMs}ms` }),
    },
  });
  const over = (status: number, headers: NodeJS.Dict<string | string[]>, body: string): void => {
    const header = (name: string): string | undefined => headers[name]?.toString();
    const wait = header('x-queue-wait-ms');
    resolve({
      user,
      sentAtMs,
      endedAtMs: performance.now(),
      status,
      code: status === 200 || status === 0 ? undefined : codeOf(body),
      retryAfter: header('retry-after'),
      retryAfterMs: header('retry-after-ms'),
      shouldRetry: header('x-should-retry'),
      queueWaitMs: wait === undefined ? undefined : Number(wait),
    });
  };
  sending.on('timeout', () => sending.destroy(new Error('no answer')));
  sending.on('error', () => over(0, {}, ''));
  sending.on('response', (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (piece: string) => (body += piece));
    response.on('end', () => over(response.statusCode ?? 0, response.headers, body));
    response.on('error', () => over(0, {}, ''));
  });
  sending.end(JSON.stringify({ model, user, messages: [{ role: 'user', content: 'Hello' }] }));
  return promise;
}

function codeOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined;
  }
}
