import type { AgentEvent, Usage } from './events.ts';
import type { AssistantMessage, Message, ToolCall } from './messages.ts';
import type { FunctionTool } from './tools.ts';

/** One call of a model. Other fields (`temperature`, `response_format`...) are passed on. */
export interface ModelCall {
  readonly messages: readonly Message[];
  /** The provider's name of the model. Default: the agent's `model`. */
  readonly model?: string | undefined;
  /** A name under `providers` of the agents' file. Default: the agent's `provider`. */
  readonly provider?: string | undefined;
  readonly tools?: readonly FunctionTool[] | undefined;
  /** Ends this call alone. */
  readonly signal?: AbortSignal | undefined;
  readonly [field: string]: unknown;
}

/** What a call shows while it runs: an agent may yield it as it is. */
export type ModelEvent = Extract<AgentEvent, { type: 'text' | 'reasoning' | 'refusal' }>;

export interface ModelAnswer {
  readonly text: string;
  /** The same as a message, to be put behind those of the call. */
  readonly message: AssistantMessage;
  readonly toolCalls: ToolCall[];
  /** OpenAI's `finish_reason`. */
  readonly finishReason: string;
  /** Of this call; counted already. */
  readonly usage: Usage | undefined;
  /** The name the provider answered with. */
  readonly model: string | undefined;
}

/** What OpenAI's SDK, and every framework on top of it, takes to reach an endpoint. */
export interface Endpoint {
  readonly baseURL: string;
  /** Frameworks insist on one. The provider's own key stays in the worker. */
  readonly apiKey: string;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * The worker's configured providers: their keys, retries, fallbacks and limits. Every call ends
 * with the run, and its tokens count for it.
 */
export interface Model {
  /** The agent's `model`; what the caller wrote behind the prefix where that is `*`. */
  readonly name: string;
  /** `yield* model.stream(…)` shows the answer and gives it. Leaving the loop ends the call. */
  stream(call: ModelCall): AsyncGenerator<ModelEvent, ModelAnswer, void>;
  /** The answer at once. */
  complete(call: ModelCall): Promise<ModelAnswer>;
  /**
   * Knows `POST …/chat/completions` and answers as OpenAI does, so that frameworks run unchanged:
   * `new OpenAI(model.endpoint())`. The provider is not called by this address but as configured.
   */
  readonly fetch: typeof globalThis.fetch;
  /** {@link fetch} with what belongs to it, for the agent's provider or another. */
  endpoint(provider?: string): Endpoint;
}
