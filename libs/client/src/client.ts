import { OpenAI } from 'openai';
import type { ClientOptions as SdkOptions } from 'openai';
import { agentNamed } from './agent.ts';
import type { Limits } from './agent-stream.ts';
import { backgroundRun } from './background-run.ts';

type Passed = 'defaultHeaders' | 'fetch';

export interface ClientOptions extends Partial<Limits>, Pick<SdkOptions, Passed> {
  /** Address of the gateway with `/v1`: `http://127.0.0.1:8080/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
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
    /** The agent of that name. Sends nothing. */
    agent: (name: string) => agentNamed(name, connection),
    /** A background run that was started before, perhaps by another process. Sends nothing. */
    background: (id: string) => backgroundRun(id, connection),
  };
}

/**
 * Answers end when nothing comes for a while: a network that went away says nothing. Only silence
 * that is waited for counts: a slow reader is not a lost connection.
 */
function withIdleTimeout(fetch: typeof globalThis.fetch, idleTimeoutMs: number): typeof fetch {
  return async (...request) => {
    const response = await fetch(...request);
    const reader = response.body?.getReader();
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
