/**
 * Run events: what a worker says about one run. They are ours, not OpenAI's; the HTTP shapes are a
 * pure function of them.
 *
 * A message on `events.<gateway>.<run>.claim` begins an attempt: it carries its `started`, number
 * 1. Those on `….log.<attempt>` carry what follows, numbered on; readers order by (attempt, n),
 * drop repeats and fetch gaps from the log. The one message on `….end` carries the last events and,
 * as its very last, the end.
 */
import { z } from 'zod';
import { ErrorCode } from './errors.ts';

/** Token counts as the provider reported them; OpenAI's `usage` object, passed through. */
export const Usage = z.looseObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
});
export type Usage = z.infer<typeof Usage>;

/** A run was taken by a worker. `attempt` is in the message, from 1. */
const Started = z.object({ type: z.literal('started'), worker: z.string() });
/** Part of the answer's text. */
const TextDelta = z.object({
  type: z.literal('text.delta'),
  text: z.string(),
  logprobs: z.unknown().optional(),
});
/** Part of the model's reasoning (`reasoning_content` of providers that send it). */
const ReasoningDelta = z.object({ type: z.literal('reasoning.delta'), text: z.string() });
/** Part of a refusal (`delta.refusal`). */
const RefusalDelta = z.object({ type: z.literal('refusal.delta'), text: z.string() });
/** Part of a tool call that goes back to the caller: OpenAI's `tool_calls` delta. */
const ToolCall = z.object({
  type: z.literal('tool.call'),
  index: z.number(),
  id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
});
/**
 * The worker begins one of the agent's own tools. Callers are shown it, and run nothing. It is
 * stored before the tool begins: a later attempt knows which calls were made.
 */
const ToolStarted = z.object({
  type: z.literal('tool.started'),
  /** The model's id of the call. */
  id: z.string(),
  name: z.string(),
  /** Where the tool comes from: `agent`, or the name of its MCP server. */
  source: z.string(),
  /** JSON, as the model wrote it; bounded by the worker. */
  arguments: z.string(),
});
/** What one of the agent's own tools gave; bounded by the worker. */
const ToolResult = z.object({
  type: z.literal('tool.result'),
  id: z.string(),
  output: z.string(),
  /** The tool failed, and `output` says why. */
  failed: z.literal(true).optional(),
});
/** All tokens of the run so far, over all calls of models: the last one counts. */
const UsageEvent = z.object({
  type: z.literal('usage'),
  usage: Usage,
  /** In US dollars, where the provider's price of the model is known. */
  cost: z.number().optional(),
  /** Counted by the worker: a call was cut off before the provider had said it. */
  estimated: z.literal(true).optional(),
});

/** The run's ends: exactly one of these, once, is the last event of every run. */
const Completed = z.object({
  type: z.literal('completed'),
  /** OpenAI's `finish_reason`. */
  finishReason: z.string(),
  /** The model name the provider answered with. */
  model: z.string().optional(),
  systemFingerprint: z.string().optional(),
  serviceTier: z.string().optional(),
  /** When its worker set about storing it, epoch milliseconds; every reader is told the same. */
  atMs: z.number().optional(),
});
const Failed = z.object({
  type: z.literal('failed'),
  code: ErrorCode,
  /** Safe to show to the caller: no prompt, no key, no internal address. */
  message: z.string(),
  /** OpenAI's `param`, when a provider named one. */
  param: z.string().optional(),
  /** When the cause is known to pass, in milliseconds from now. */
  retryAfterMs: z.number().optional(),
});
const Cancelled = z.object({
  type: z.literal('cancelled'),
  reason: z.enum(['client_gone', 'requested', 'deadline', 'shutdown']),
});

export const RunEnd = z.discriminatedUnion('type', [Completed, Failed, Cancelled]);
export type RunEnd = z.infer<typeof RunEnd>;

export const RunEvent = z.discriminatedUnion('type', [
  Started,
  TextDelta,
  ReasoningDelta,
  RefusalDelta,
  ToolCall,
  ToolStarted,
  ToolResult,
  UsageEvent,
  Completed,
  Failed,
  Cancelled,
]);
export type RunEvent = z.infer<typeof RunEvent>;

/**
 * One message of the event log.
 *
 * - `a`: attempt, from 1. An end that belongs to no attempt has 0: a gateway's (cancel, queue
 *   time-out), or that of a worker which refuses the request before it claims the run, because
 *   nobody waits for it any more. (What a worker refuses after its claim has its attempt.)
 * - `n`: number of the first event in `e`. A heartbeat has no events and the number that comes
 *   next.
 * - `e`: the events, in order.
 * - `l`: how many earlier attempts were lost with their workers; left out when none was. Hand-backs
 *   do not count.
 * - `back`: set on the last message of an attempt that was handed back unfinished (drain): the next
 *   worker may take over at once.
 * - `gone`: set on what a purge leaves of a run: its bare end, after the end, so that no late
 *   writer finds a run without one.
 */
export interface EventMessage {
  readonly a: number;
  readonly n: number;
  readonly e: readonly RunEvent[];
  readonly l?: number;
  readonly back?: true;
  readonly gone?: true;
}

export function isEnd(event: RunEvent): event is RunEnd {
  return event.type === 'completed' || event.type === 'failed' || event.type === 'cancelled';
}

export function encodeEvents(message: EventMessage): string {
  return JSON.stringify(message);
}

const Envelope = z.object({
  a: z.number().int().min(0),
  n: z.number().int().min(1),
  e: z.array(RunEvent),
  l: z.number().int().min(1).optional(),
  back: z.literal(true).optional(),
  gone: z.literal(true).optional(),
});

/**
 * Reads one message of the event log. The shape is not checked on this hot path (20,000 a second):
 * only our own workers and gateways may publish these subjects. Use {@link checkEvents} in tests.
 *
 * @throws SyntaxError when `data` is not JSON.
 */
export function decodeEvents(data: string): EventMessage {
  return JSON.parse(data) as EventMessage;
}

/** Reads and checks one message. @throws ZodError naming what is wrong. */
export function checkEvents(data: string): EventMessage {
  return Envelope.parse(JSON.parse(data)) as EventMessage;
}
