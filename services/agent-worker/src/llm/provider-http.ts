import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';

export type ResponseBody = Dispatcher.ResponseData['body'];

/** Most of an error's body that is read, in bytes. */
const ERROR_BODY_MAX_BYTES = 64 * 1024;
/** How long a connection without work is kept, unless the server asks for less. */
const KEEP_ALIVE_MS = 30_000;

/** How long `close` waits for connections to be gone. */
const CLOSE_MS = 1_000;

/** A successful answer whose body has not been read: {@link raw} is the body, `body` is null. */
export class UnreadResponse extends Response {
  readonly raw: ResponseBody;

  constructor(raw: ResponseBody, init: ResponseInit) {
    super(null, init);
    this.raw = raw;
  }
}

/**
 * The connections to the model endpoint: at most one a slot, kept alive, one request at a time on
 * each, so that closing one closes exactly one run.
 */
export class ProviderHttp {
  readonly #agent: Agent;

  constructor(connections: number) {
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      // Over HTTP/2 a cancelled run would leave its socket open and share it with others.
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The run's own limits decide how long is too long.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /**
   * `fetch` for the SDK. Successful answers come as {@link UnreadResponse}: undici's plain request
   * spares every token the way through two web streams. Redirects are not followed: they would
   * carry the key to wherever the endpoint points.
   */
  readonly fetch = async (
    url: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const signal = init.signal ?? null;
    const pending = request(url instanceof Request ? url.url : url, {
      dispatcher: this.#agent,
      method: init.method === 'GET' ? 'GET' : 'POST',
      headers: new Headers(init.headers),
      body: typeof init.body === 'string' ? init.body : null,
      signal,
    });
    const answer = await (signal === null ? pending : orAborted(pending, signal));
    const { statusCode, body } = answer;
    // A body that is destroyed reports it as an event as well as to its reader; one is enough.
    body.on('error', ignore);
    const responseInit = { status: statusCode, headers: headersOf(answer.headers) };
    if (statusCode >= 200 && statusCode < 300) return new UnreadResponse(body, responseInit);
    const text = await readText(body, ERROR_BODY_MAX_BYTES);
    return new Response(statusCode === 304 ? null : text, responseInit);
  };

  /** Closes every connection, also one in use. */
  async close(): Promise<void> {
    // A connection that is still being made is given up only by its own time-out (10 s).
    const timer = Promise.withResolvers<void>();
    const handle = setTimeout(timer.resolve, CLOSE_MS);
    await Promise.race([this.#agent.destroy(), timer.promise]);
    clearTimeout(handle);
  }
}

/**
 * The answer, or the signal's reason at once. undici looks at the signal only when the request is
 * on its connection: one that still connects (10 s), or waits for a free connection, would go on.
 * It is never sent then, as undici looks before it sends.
 */
async function orAborted(
  pending: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason);
    // Both may happen in one turn; nobody else would close it then.
    pending.then(({ body }) => body.on('error', ignore).destroy(), ignore);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([pending, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Reads at most `maxBytes` and closes the connection if there is more. */
async function readText(body: ResponseBody, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the body.
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(parts).toString('utf8');
}

function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

function ignore(): void {
  // See where it is used.
}
