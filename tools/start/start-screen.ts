import type { ModelEndpoint } from './model-endpoint.ts';
import type { StartOptions } from './options.ts';

const NO_KEYS =
  'not checked: only this machine can call (docs/accounts.md says how to ask for them)';
const CURL_KEY = `
    -H "authorization: Bearer $KEY" \\`;

/**
 * What a person sees once everything runs: how to talk to it, and how to stop it.
 * @param agents their names; undefined: the gateway checks keys and tells nobody without one
 */
export function startScreen(
  url: string,
  options: StartOptions,
  endpoint: ModelEndpoint,
  agents: readonly string[] | undefined,
  operatorFile?: string,
): string {
  // A wildcard is no name to send.
  const agent = agents?.find((name) => !name.endsWith('/*')) ?? agents?.[0] ?? 'assistant';
  const keyed = agents === undefined;
  const apiKey = keyed ? 'process.env.KEY' : "'any'";
  const { workers, poolSize } = options;
  const slots = workers * poolSize;
  const hint = endpoint.simulated ? ' (set OPENAI_API_KEY or OPENAI_BASE_URL for a real one)' : '';
  const body = `{"model":"${agent}","stream":true,"messages":[{"role":"user","content":"Hello"}]}`;
  const nats =
    operatorFile === undefined
      ? ''
      : `\n  NATS           . ${operatorFile}   (for the nats CLI; secret)`;
  return `
Switchboard is ready: ${url}/v1

  runs at once   ${slots} (${workers} worker${workers === 1 ? '' : 's'} x ${poolSize} slots)
  model          ${endpoint.label}${hint}
  agents         ${agents?.join(', ') ?? 'see GET /v1/models, with a key'}
  keys           ${keyed ? 'checked' : NO_KEYS}
  API reference  ${url}/docs${nats}

Try it:

  curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\${keyed ? CURL_KEY : ''}
    -d '${body}'

With the official SDK (npm install openai):

  import OpenAI from 'openai';
  const client = new OpenAI({ baseURL: '${url}/v1', apiKey: ${apiKey} });
  const stream = await client.chat.completions.create({
    model: '${agent}',
    stream: true,
    messages: [{ role: 'user', content: 'Hello' }],
  });
  for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');

Ctrl-C stops it.
`;
}
