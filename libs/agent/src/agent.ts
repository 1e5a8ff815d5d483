import { branded, isBranded } from './brand.ts';
import type { AgentOutput, AgentResult } from './events.ts';
import type { Message } from './messages.ts';
import type { Model } from './model.ts';
import type { Tool } from './tool.ts';
import type { Tools } from './tools.ts';

export interface AgentRequest {
  /** The conversation, oldest message first. */
  readonly messages: Message[];
  /** The text of the caller's last message. */
  readonly prompt: string;
  /** The other fields of the request as they came: `temperature`, `tools`, `user`... */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What the caller wrote behind the prefix, where the agent's name is a wildcard. */
  readonly model: string | undefined;
  /** Whether the caller reads the answer as it is made. */
  readonly stream: boolean;
  /** The run's id: the answer's, without what stands before it. */
  readonly run: string;
  /** The id of the HTTP request. */
  readonly requestId: string;
  /** From 1. More: an earlier worker was lost, and this is the same run again. */
  readonly attempt: number;
}

/** A bounded log: the run's id and the agent are added. Keep prompts and answers out of it. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface AgentContext {
  /** Aborts when the run is over: cancelled, timed out, or the worker stops. End then. */
  readonly signal: AbortSignal;
  readonly model: Model;
  readonly tools: Tools;
  readonly log: Log;
}

/**
 * The names, meanings and defaults of the agents' file (AGENTS_FILE). An entry there with the same
 * name and `code: true` takes the place of all that is said here but the tools.
 */
export interface AgentSettings {
  /** What callers send as `model`. `acme/*` takes every name that begins with `acme/`. */
  readonly name: string;
  readonly description?: string | undefined;
  /** Worker class that runs it. Default `default`. */
  readonly pool?: string | undefined;
  /** Longest wait for a slot, in seconds. Default 300. */
  readonly queue_timeout?: number | undefined;
  /** Longest run, in seconds. Default 600. */
  readonly timeout?: number | undefined;
  /** Within how many seconds the whole answer must be there, waiting included. */
  readonly deadline?: number | undefined;
  /** Run again from the beginning when its worker is lost in mid-answer. Default `fail`. */
  readonly on_worker_lost?: 'fail' | 'restart' | undefined;
  /** Tools of its own, and names of tools that the worker has. */
  readonly tools?: readonly (Tool | string)[] | undefined;
  /** Names under `mcp_servers` of the agents' file. */
  readonly mcp_servers?: readonly string[] | undefined;
  /** Most calls of tools in one run. Default 32. */
  readonly max_tool_calls?: number | undefined;
  /** Most tools at once in one run. Default 4. */
  readonly max_parallel_tools?: number | undefined;
  /** Longest call of a tool, in seconds. Default 30. */
  readonly tool_timeout?: number | undefined;
  /** Most calls of models in one run. Default 10. */
  readonly max_steps?: number | undefined;
  /** The model of calls that name none, by the provider's name. */
  readonly model?: string | undefined;
  /** A name under `providers` of the agents' file. Default: the endpoint of OPENAI_BASE_URL. */
  readonly provider?: string | undefined;
  /** Asked in this order when the provider fails before it has shown anything. */
  readonly fallback?: readonly { readonly provider: string; readonly model: string }[] | undefined;
  /** Fields of every model call that does not say otherwise. */
  readonly defaults?: Readonly<Record<string, unknown>> | undefined;
  /** Upper bound on `max_tokens` of a model call; also its default. */
  readonly max_tokens?: number | undefined;
  /** How often a failing provider is called again before the first token. Default 2. */
  readonly max_retries?: number | undefined;
  /** Tokens that the model takes, its answer included. Needed for `truncation: 'auto'`. */
  readonly context_tokens?: number | undefined;
  /** Whether calls with a conversation that is longer leave out its oldest turns. */
  readonly truncation?: 'auto' | 'disabled' | undefined;
  /** Longest wait for the first token of a model call, in seconds. Default 60. */
  readonly first_token_timeout?: number | undefined;
  /** Longest silence of a model between two tokens, in seconds. Default 30. */
  readonly idle_timeout?: number | undefined;
}

export interface Agent extends AgentSettings {
  /**
   * One run, from the request to the answer. What it yields is shown at once; when it returns, the
   * answer is whole. It is called again for each run, several at a time.
   */
  run(
    request: AgentRequest,
    context: AgentContext,
  ): AsyncGenerator<AgentOutput, AgentResult | undefined | void> | AsyncIterable<AgentOutput>;
}

/** @throws TypeError naming what is wrong with the definition */
export function defineAgent(definition: Agent): Agent {
  const { name } = definition;
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('defineAgent: `name` must be what callers send as `model`');
  }
  if (typeof definition.run !== 'function') {
    throw new TypeError(`defineAgent: ${name}: \`run\` must be an async generator function`);
  }
  return Object.freeze(branded('agent', { ...definition }));
}

export function isAgent(value: unknown): value is Agent {
  return isBranded('agent', value);
}
