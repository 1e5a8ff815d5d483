/**
 * Agent profiles: what `model` in a request names. Gateway and workers read the same file; the
 * gateway needs names, pools and queue timeouts, the worker everything.
 */
import { z } from 'zod';
import { DEFAULT_PROVIDER } from './providers.ts';
import { isToken } from './subjects.ts';

const token = z.string().refine(isToken, 'letters, digits, _ and -');
const seconds = (fallback: number) => z.number().positive().max(86_400).default(fallback);

const Shape = z.strictObject({
  /** What callers send as `model`. `sim/*` matches every name that begins with `sim/`. */
  name: z
    .string()
    .regex(
      /^[\w.:@-]+(\/[\w.:@-]+)*(\/\*)?$/,
      'letters, digits, . : @ _ - and /, or a trailing /*',
    ),
  description: z.string().default(''),
  /** System instructions put before the caller's messages. Empty: none. */
  instructions: z.string().default(''),
  /**
   * The agent is a module's in AGENTS_DIR, which defines an agent of this name. The profile takes
   * the place of the module's own settings, but for its tools.
   */
  code: z.boolean().default(false),
  /**
   * The provider's model. `*` in a wildcard profile: what the caller wrote after the prefix. Only
   * an agent in code needs none; it is empty then.
   */
  model: z.string().default(''),
  /** Worker class that runs it. */
  pool: token.default('default'),
  /** Request fields used where the caller sends none (`temperature: 0.2`). */
  defaults: z.record(z.string(), z.unknown()).default({}),
  /** Upper bound on the caller's `max_tokens` / `max_completion_tokens`; also the default. */
  max_tokens: z.number().int().positive().optional(),
  /** Longest wait for a slot, in seconds. */
  queue_timeout: seconds(300),
  /** Longest wait for a provider's first token of a stream, in seconds. Retries count. */
  first_token_timeout: seconds(60),
  /** Longest silence between two tokens, in seconds. */
  idle_timeout: seconds(30),
  /** Longest run, in seconds. */
  timeout: seconds(600),
  /**
   * Within how many seconds the whole answer must be there, waiting included, when the caller does
   * not say (`x-request-deadline`). Left out: whenever it comes.
   */
  deadline: z.number().positive().max(86_400).optional(),
  /**
   * What becomes of a run whose worker was lost after it had shown output or called a tool: `fail`
   * ends it as `worker_lost`, `restart` runs it again from the beginning, visibly.
   */
  on_worker_lost: z.enum(['fail', 'restart']).default('fail'),
  /** How often a provider's 429, 5xx or lost connection is tried again before the first token. */
  max_retries: z.number().int().min(0).max(10).default(2),
  /** Whose model it is: a name under `providers`, or the endpoint of OPENAI_BASE_URL. */
  provider: token.default(DEFAULT_PROVIDER),
  /** Asked in this order when the provider fails before it has shown anything. */
  fallback: z
    .array(z.strictObject({ provider: token, model: z.string().min(1) }))
    .max(5)
    .default([]),
  /** Tools that the worker runs for the agent: built in, or of a module in AGENTS_DIR. */
  tools: z.array(z.string().min(1)).max(64).default([]),
  /** MCP servers, by their name under `mcp_servers`, whose tools the agent has. */
  mcp_servers: z.array(token).max(16).default([]),
  /** Most calls of the model in one run. */
  max_steps: z.number().int().min(1).max(100).default(10),
  /** Most calls of the agent's own tools in one run. */
  max_tool_calls: z.number().int().min(1).max(1_000).default(32),
  /** Most of the agent's own tools that run at once in one run. */
  max_parallel_tools: z.number().int().min(1).max(64).default(4),
  /** Longest call of one tool, in seconds. */
  tool_timeout: seconds(30),
  /** Tokens that the model takes, its answer included. Needed for `truncation: auto`. */
  context_tokens: z.number().int().min(256).max(100_000_000).optional(),
  /**
   * What becomes of a conversation that is longer, when the caller does not say: `auto` leaves out
   * its oldest turns, `disabled` lets the provider refuse it.
   */
  truncation: z.enum(['auto', 'disabled']).default('disabled'),
});

export const AgentProfile = Shape.refine(({ code, model }) => code || model !== '', {
  path: ['model'],
  message: 'needed, unless the agent is one in code',
  // Together with whatever else is wrong with the profile.
  when: ({ value }) => typeof value === 'object' && value !== null,
});
export type AgentProfile = z.infer<typeof AgentProfile>;

/** The profile that `model` names, and the rest of the name where a wildcard matched. */
export function findProfile(
  profiles: readonly AgentProfile[],
  model: string,
): { profile: AgentProfile; rest?: string } | undefined {
  const exact = profiles.find((profile) => profile.name === model);
  if (exact !== undefined && !exact.name.endsWith('/*')) return { profile: exact };
  for (const profile of profiles) {
    if (!profile.name.endsWith('/*')) continue;
    const prefix = profile.name.slice(0, -1);
    if (model.startsWith(prefix) && model.length > prefix.length) {
      return { profile, rest: model.slice(prefix.length) };
    }
  }
  return undefined;
}
