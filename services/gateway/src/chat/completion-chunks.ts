/** From run events to `chat.completion.chunk`s: pure, so that a replay gives the same chunks. */
import type { RunEvent, Usage } from '@switchboard/contract';
import { shownCall, shownResult } from './completion-notes.ts';
import type { ChunkNote } from './completion-notes.ts';
import type { AnswerHead, ChatCompletionChunk, Delta, ToolCallDelta } from './completion-types.ts';

type ToolCallEvent = Extract<RunEvent, { type: 'tool.call' }>;
type CompletedEvent = Extract<RunEvent, { type: 'completed' }>;

/** Says who speaks. Sent once, before anything else. */
export function roleChunk(
  head: AnswerHead,
  includeUsage: boolean,
  content: '' | null,
): ChatCompletionChunk {
  return chunk(head, includeUsage, { role: 'assistant', content });
}

/** The chunk of one part of the answer; undefined for events that show nothing. */
export function deltaChunk(
  head: AnswerHead,
  includeUsage: boolean,
  event: RunEvent,
): ChatCompletionChunk | undefined {
  switch (event.type) {
    case 'text.delta':
      return chunk(head, includeUsage, { content: event.text }, event.logprobs);
    case 'reasoning.delta':
      return chunk(head, includeUsage, { reasoning_content: event.text });
    case 'refusal.delta':
      return chunk(head, includeUsage, { refusal: event.text });
    case 'tool.call':
      return chunk(head, includeUsage, { tool_calls: [toolCallDelta(event)] });
    case 'tool.started':
      return noteChunk(head, includeUsage, { tool_call: shownCall(event) });
    case 'tool.result':
      return noteChunk(head, includeUsage, { tool_result: shownResult(event) });
    case 'started':
    case 'usage':
    case 'completed':
    case 'failed':
    case 'cancelled':
      break;
  }
  return undefined;
}

/**
 * Says that the answer begins again, because the worker that gave it was lost and its agent's
 * profile says `on_worker_lost: restart`.
 */
export function restartChunk(head: AnswerHead, includeUsage: boolean): ChatCompletionChunk {
  return noteChunk(head, includeUsage, { restarted: true });
}

/** The chunk that says why the answer ended. */
export function finishChunk(
  head: AnswerHead,
  includeUsage: boolean,
  end: CompletedEvent,
): ChatCompletionChunk {
  return {
    id: head.id,
    object: 'chat.completion.chunk',
    created: head.created,
    model: head.model,
    ...(end.serviceTier === undefined ? {} : { service_tier: end.serviceTier }),
    ...(end.systemFingerprint === undefined ? {} : { system_fingerprint: end.systemFingerprint }),
    choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: end.finishReason }],
    ...(includeUsage ? { usage: null } : {}),
  };
}

/** The last chunk of a stream whose caller asked for the token counts. */
export function usageChunk(head: AnswerHead, usage: Usage): ChatCompletionChunk {
  return {
    id: head.id,
    object: 'chat.completion.chunk',
    created: head.created,
    model: head.model,
    choices: [],
    usage,
  };
}

function noteChunk(
  head: AnswerHead,
  includeUsage: boolean,
  switchboard: ChunkNote,
): ChatCompletionChunk {
  return { ...chunk(head, includeUsage, {}), switchboard };
}

function chunk(
  head: AnswerHead,
  includeUsage: boolean,
  delta: Delta,
  logprobs: unknown = null,
): ChatCompletionChunk {
  return {
    id: head.id,
    object: 'chat.completion.chunk',
    created: head.created,
    model: head.model,
    choices: [{ index: 0, delta, logprobs, finish_reason: null }],
    ...(includeUsage ? { usage: null } : {}),
  };
}

function toolCallDelta(event: ToolCallEvent): ToolCallDelta {
  return {
    index: event.index,
    ...(event.id === undefined ? {} : { id: event.id, type: 'function' as const }),
    function: {
      ...(event.name === undefined ? {} : { name: event.name }),
      ...(event.arguments === undefined ? {} : { arguments: event.arguments }),
    },
  };
}
