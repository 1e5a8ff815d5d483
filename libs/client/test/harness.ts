import { createClient } from '../src/index.ts';
import type { Agent, Client, ClientOptions } from '../src/index.ts';
import { ScriptedGateway } from './scripted-gateway.ts';
import type { Act, End } from './scripted-gateway.ts';

/** Text that a cut can tear apart, and that looks like the frame it travels in. */
export const PIECES = [
  'Grüße',
  ', ',
  '世界 ',
  '👩‍👩‍👧',
  '\n\ndata: {"no": "event"}\n\n',
  '\r\n"\\u2028\u2028',
  '!',
  ' End.',
];

export interface Setting {
  readonly acts?: Act[];
  readonly pieces?: readonly string[];
  readonly end?: End;
  readonly limits?: Pick<ClientOptions, 'maxRetries' | 'retryForMs' | 'idleTimeoutMs'>;
}

/** A gateway of its own for each test, and an agent behind it. */
export async function withGateway<T>(
  { acts = [], pieces = PIECES, end, limits }: Setting,
  use: (gateway: ScriptedGateway, agent: Agent, client: Client) => Promise<T>,
): Promise<T> {
  const gateway = await ScriptedGateway.start(pieces, end);
  gateway.acts = acts;
  try {
    const client = createClient({ baseURL: gateway.baseURL, apiKey: 'any', ...limits });
    return await use(gateway, client.agent('assistant'), client);
  } finally {
    await gateway.close();
  }
}

export async function textOf(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}
