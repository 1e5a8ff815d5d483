/** OpenAI's answer shapes, as the gateway writes them. */
import type { Usage } from '@switchboard/contract';
import type { ChunkNote, CompletionNote } from './completion-notes.ts';

/** What is the same in every piece of one answer. */
export interface AnswerHead {
  /** `chatcmpl-<run>`. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** The model name the caller sent. */
  readonly model: string;
}

export interface Logprobs {
  readonly content?: readonly unknown[] | null;
  readonly refusal?: readonly unknown[] | null;
}

export interface ToolCallDelta {
  readonly index: number;
  readonly id?: string;
  readonly type?: 'function';
  readonly function: { readonly name?: string; readonly arguments?: string };
}

export interface Delta {
  readonly role?: 'assistant';
  readonly content?: string | null;
  readonly refusal?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCallDelta[];
}

export interface ChatCompletionChunk extends AnswerHead {
  readonly object: 'chat.completion.chunk';
  readonly system_fingerprint?: string;
  readonly service_tier?: string;
  readonly choices: readonly {
    readonly index: 0;
    readonly delta: Delta;
    readonly logprobs: unknown;
    readonly finish_reason: string | null;
  }[];
  /** Present only when the caller asked for it: null in every chunk but the last. */
  readonly usage?: Usage | null;
  /** Ours: clients that do not know it see an empty delta. */
  readonly switchboard?: ChunkNote;
}

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ChatCompletion extends AnswerHead {
  readonly object: 'chat.completion';
  readonly choices: readonly [
    {
      readonly index: 0;
      readonly message: {
        readonly role: 'assistant';
        readonly content: string | null;
        readonly refusal: string | null;
        readonly reasoning_content?: string;
        readonly tool_calls?: readonly ToolCall[];
      };
      readonly logprobs: Logprobs | null;
      readonly finish_reason: string;
    },
  ];
  readonly usage?: Usage;
  readonly system_fingerprint?: string;
  readonly service_tier?: string;
  /** Ours: what the agent's own tools did. */
  readonly switchboard?: CompletionNote;
}

export function answerHead(run: string, model: string, nowMs: number): AnswerHead {
  return { id: `chatcmpl-${run}`, created: Math.floor(nowMs / 1_000), model };
}
