/** Model endpoints and MCP servers, as the agents' file names them. Only workers use them. */
import { z } from 'zod';
import { isToken } from './subjects.ts';

/** The endpoint of OPENAI_BASE_URL and OPENAI_API_KEY; a file may define its own of this name. */
export const DEFAULT_PROVIDER = 'default';

const token = z.string().refine(isToken, 'letters, digits, _ and -');
const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable');
const httpUrl = z.url({ protocol: /^https?$/, error: 'an http or https address' });

/** US dollars for a million tokens. */
export const Price = z.strictObject({
  input: z.number().min(0),
  output: z.number().min(0),
  /** Of input that the provider had cached; default: as `input`. */
  cached_input: z.number().min(0).optional(),
});
export type Price = z.infer<typeof Price>;

export const ProviderSettings = z.strictObject({
  name: token,
  /** With its version: `https://host/v1`. */
  base_url: httpUrl,
  /** Which of OpenAI's APIs it speaks. */
  api: z.enum(['chat_completions', 'responses']).default('chat_completions'),
  /** The variable of the worker that holds the key. Left out: it needs none. */
  api_key_env: environmentName.optional(),
  /** Sent with every call. */
  headers: z.record(z.string(), z.string()).default({}),
  /** Most calls at once of one worker; default: as many as it has slots. */
  concurrency: z.number().int().min(1).max(10_000).optional(),
  /** By the provider's name of the model. */
  prices: z.record(z.string(), Price).default({}),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

export const McpServerSettings = z
  .strictObject({
    name: token,
    /** Started by the worker, which speaks to it over stdin and stdout. */
    command: z.string().min(1).optional(),
    args: z.array(z.string()).max(64).default([]),
    /** Variables of the worker that it is given; PATH and HOME are always. */
    env: z.array(environmentName).max(64).default([]),
    /** Reached over streamable HTTP. */
    url: httpUrl.optional(),
    headers: z.record(z.string(), z.string()).default({}),
    /** The variable of the worker that holds a bearer token for `url`. */
    bearer_env: environmentName.optional(),
    /** Which of its tools; default: all. */
    tools: z.array(z.string().min(1)).max(256).optional(),
    /** Most calls at once of one worker. */
    concurrency: z.number().int().min(1).max(1_000).default(4),
    /** Longest call, in seconds. */
    call_timeout: z.number().positive().max(86_400).default(30),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), {
    message: 'set either command or url',
  });
export type McpServerSettings = z.infer<typeof McpServerSettings>;
