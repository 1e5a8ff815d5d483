import { APIConnectionError, APIError, APIUserAbortError } from 'openai';

/**
 * Every failure of this client. Match by `code`, never by message. `aborted`, `connection_lost`,
 * `events_missing` and `wait_timeout` are the client's own codes, `http_<status>` stands for an
 * answer that names none, and all others are the gateway's. `cause` is what the SDK threw.
 */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: string;
  /** The run, when it had a name already. */
  readonly responseId: string | undefined;

  constructor(code: string, message: string, responseId?: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.responseId = responseId;
  }
}

/** What the SDK or the network threw. */
export function toAgentError(thrown: unknown, responseId?: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  if (thrown instanceof APIError && !(thrown instanceof APIConnectionError)) {
    const other = thrown instanceof APIUserAbortError ? 'aborted' : `http_${thrown.status ?? 200}`;
    return new AgentError(thrown.code ?? other, thrown.message, responseId, thrown);
  }
  // A socket that broke, or half an event at its end: the SDK gives no common class to these.
  const message = 'The connection to the gateway was lost.';
  return new AgentError('connection_lost', message, responseId, thrown);
}

/** The answer to one request of the SDK; its failure as this client's. */
export async function answerTo<T>(request: Promise<T>, responseId?: string): Promise<T> {
  return await request.catch((thrown) => Promise.reject(toAgentError(thrown, responseId)));
}

/** Whether the same request with the same key may go better, without running anything twice. */
export function mayGoBetter({ code, cause }: AgentError): boolean {
  if (['connection_lost', 'events_missing', 'shutting_down'].includes(code)) return true;
  // Without a status it is an event of the stream, and the end of the run.
  if (!(cause instanceof APIError) || cause.status === undefined) return false;
  const advice = cause.headers?.get('x-should-retry');
  if (advice === 'true' || advice === 'false') return advice === 'true';
  return cause.status === 408 || cause.status === 429 || cause.status >= 500;
}

/** What `retry-after-ms` or `retry-after` asks for, milliseconds. */
export function askedToWaitMs({ cause }: AgentError): number | undefined {
  const headers = cause instanceof APIError ? cause.headers : undefined;
  const asked = (name: string) => Number.parseFloat(headers?.get(name) ?? '');
  return [asked('retry-after-ms'), asked('retry-after') * 1_000].find((waitMs) => waitMs >= 0);
}
