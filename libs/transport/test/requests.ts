/** Requests for tests, and what answers them. */
import { AgentProfile, type RunEvent, type RunRequest } from '@switchboard/contract';
import type { RunClient, RunContext, Submission } from '../src/index.ts';

export type Handler = (request: RunRequest, context: RunContext) => AsyncIterable<RunEvent>;

/** Answers at once. */
export async function* answerAtOnce(): AsyncGenerator<RunEvent> {
  yield { type: 'text.delta', text: 'hello' };
  yield { type: 'completed', finishReason: 'stop' };
}

export const profile = (overrides: Partial<AgentProfile> = {}): AgentProfile => ({
  ...AgentProfile.parse({ name: 'agent', model: 'model' }),
  ...overrides,
});

let requests = 0;

export function submit(
  { client }: { readonly client: RunClient },
  user: string,
  options: Partial<Submission> & { signal?: AbortSignal } = {},
) {
  requests += 1;
  const { signal = new AbortController().signal, ...submission } = options;
  return client.submit(
    {
      requestId: `request-${requests}`,
      user,
      profile: profile(),
      stream: true,
      chat: { messages: [{ role: 'user', content: 'hi' }] },
      ...submission,
    },
    signal,
  );
}

export async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export const types = (events: readonly RunEvent[]): string[] => events.map(({ type }) => type);
