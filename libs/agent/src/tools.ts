import type { ToolCall, ToolMessage } from './messages.ts';

/** A tool as OpenAI's requests describe it. */
export interface FunctionTool {
  type: 'function';
  function: { name: string; description: string; parameters: Record<string, unknown> };
}

/**
 * The agent's tools: its own, those built in that it names, and those of its MCP servers. Each call
 * is an event of the run, which the caller sees, and counts for `max_tool_calls`.
 */
export interface Tools {
  /** For the `tools` of a model call. */
  readonly definitions: FunctionTool[];
  /** Calls one. @throws ToolError with what the model would be told */
  call(name: string, input: unknown): Promise<string>;
  /**
   * Makes the calls of one answer of the model, several at once. Failures are answers too: the
   * model is told. @returns the messages that follow the model's own
   */
  answer(calls: readonly ToolCall[]): Promise<(ToolMessage & { content: string })[]>;
}
