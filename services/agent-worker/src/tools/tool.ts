/** What a tool is to the worker, wherever it comes from: built in, a module's, an MCP server's. */

import type { AgentProfile } from '@switchboard/contract';

/** `source` of tools that are built in or come from a module in AGENTS_DIR. */
export const OWN_TOOLS = 'agent';

export interface ToolContext {
  /** Aborts when the run ends, is cancelled, or the call has taken too long. */
  readonly signal: AbortSignal;
  readonly run: string;
  readonly requestId: string;
  /** The model's id of the call. */
  readonly callId: string;
}

export interface Tool {
  /** What the model calls it: letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  readonly description: string;
  /** JSON schema of its arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** {@link OWN_TOOLS}, or the name of its MCP server. */
  readonly source: string;
  /** It changes something: it is called at most once for a call id, also over redelivery. */
  readonly sideEffects: boolean;
  /** Its own limit, if that is shorter than the agent's `tool_timeout`, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /**
   * Runs it. `input` is what the model wrote, parsed; the tool checks it.
   * @returns what the model is given
   * @throws ToolError what the model is told instead; anything else is told as a failure without
   *   its message
   */
  run(input: unknown, context: ToolContext): Promise<string>;
}

/** The tools of one run, taken when it begins. */
export interface ToolSet {
  readonly tools: readonly Tool[];
  /** Why some are missing: `files: the server does not answer`. */
  readonly problems: readonly string[];
}

/** Where tools come from. */
export interface ToolSource {
  /** Those that a profile names and that can be used now. Never throws. */
  toolsFor(profile: AgentProfile): ToolSet;
}

/** A call of one of the agent's own tools, as the model wrote it. */
export interface ToolCallRequest {
  readonly id: string;
  readonly name: string;
  /** JSON, perhaps broken. */
  readonly arguments: string;
}

/** What the model is told. */
export interface ToolOutcome {
  readonly id: string;
  readonly output: string;
  readonly failed: boolean;
}

/** A tool failed in a way that the model is told: it may call again, or do without. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}
