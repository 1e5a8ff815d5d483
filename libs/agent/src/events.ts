/** Token counts, in OpenAI's words. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** What an agent says while it runs. */
export type AgentEvent =
  /** Part of the answer. A plain string says the same. */
  | { readonly type: 'text'; readonly text: string }
  /** Part of the reasoning, shown apart from the answer. */
  | { readonly type: 'reasoning'; readonly text: string }
  /** Part of a refusal to answer. */
  | { readonly type: 'refusal'; readonly text: string }
  /** A whole call of a tool of the caller's (`request.parameters.tools`), who makes it. */
  | {
      readonly type: 'tool_call';
      readonly id: string;
      readonly name: string;
      readonly arguments: string;
    }
  /** Tokens spent elsewhere, added to the run's; those of `model` are counted already. */
  | { readonly type: 'usage'; readonly usage: Usage };

export type AgentOutput = string | AgentEvent;

/** What `run` may return; an answer of `model` will do. */
export interface AgentResult {
  /** OpenAI's `finish_reason`. Default: `tool_calls` after a `tool_call`, else `stop`. */
  readonly finishReason?: string | undefined;
}
