import { OpenAI } from 'openai';
import { Agent } from './agent.ts';
import type { Limits } from './agent-stream.ts';
import { BackgroundRun } from './background-run.ts';

type Fetch = typeof globalThis.fetch;

export interface ClientOptions extends Partial<Limits> {
  /** Address of the gateway with `/v1`: `http://127.0.0.1:8080/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
  readonly defaultHeaders?: Readonly<Record<string, string>>;
  readonly fetch?: Fetch;
}

export type Client = ReturnType<typeof createClient>;

export function createClient(options: ClientOptions) {
  const { maxRetries = 10, retryForMs = 60_000, idleTimeoutMs = 45_000, ...rest } = options;
  const fetch = withIdleTimeout(options.fetch ?? globalThis.fetch, idleTimeoutMs);
  // The SDK would print each cut event, which is repaired here.
  const openai = new OpenAI({ ...rest, fetch, logLevel: 'off' });
  const connection = { openai, maxRetries, retryForMs, idleTimeoutMs };
  return {
    /** The SDK underneath, for all the rest. */
    openai,
    agent: (name: string) => new Agent(connection, name),
    /** A background run that was started before, perhaps by another process. Sends nothing. */
    background: (id: string) => new BackgroundRun(connection, id),
  };
}

/**
 * Streams end when nothing comes for a while: a network that went away says nothing. Only silence
 * that is waited for counts: a slow reader is not a lost connection.
 */
function withIdleTimeout(fetch: Fetch, idleTimeoutMs: number): Fetch {
  return async (...request) => {
    const response = await fetch(...request);
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    const reader = isStream === true ? response.body?.getReader() : undefined;
    if (reader === undefined) return response;
    const cancel = () => reader.cancel().catch(() => undefined);
    const pull = async (stream: ReadableStreamDefaultController<Uint8Array>) => {
      const timer = setTimeout(() => void cancel(), idleTimeoutMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) stream.close();
      else stream.enqueue(value);
    };
    return new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }), response);
  };
}
