/**
 * The events of a streamed response: those of the standard that the gateway sends. Their names and
 * fields are also OpenAI's, so both kinds of clients read them. Reasoning is sent as a summary
 * because its events are the only ones that both know. Those of `mcp_call` are OpenAI's alone.
 */
import { z } from 'zod';
import {
  LogprobSchema,
  OutputItemSchema,
  OutputText,
  Refusal,
  SummaryText,
} from './item-schema.ts';
import { ResponseSchema } from './response-schema.ts';

const sequence = { sequence_number: z.int().min(0) };
const place = { output_index: z.int().min(0) };
const inItem = { ...sequence, item_id: z.string(), ...place };
const inContent = { ...inItem, content_index: z.int().min(0) };
const inSummary = { ...inItem, summary_index: z.int().min(0) };

const lifecycle = <const Name extends string>(name: Name) =>
  z.object({ type: z.literal(name), ...sequence, response: ResponseSchema });
const item = <const Name extends string>(name: Name) =>
  z.object({ type: z.literal(name), ...sequence, ...place, item: OutputItemSchema });
const contentPart = <const Name extends string>(name: Name) =>
  z.object({
    type: z.literal(name),
    ...inContent,
    part: z.discriminatedUnion('type', [OutputText, Refusal]),
  });
const summaryPart = <const Name extends string>(name: Name) =>
  z.object({ type: z.literal(name), ...inSummary, part: SummaryText });

/** Our own: where a response that waits stands, in a repetition of `response.queued`. */
const QueuePlaceSchema = z.object({
  /** Requests that are taken before it. */
  ahead: z.int().min(0),
  /** Estimated milliseconds until a slot takes it; null: not known. */
  eta_ms: z.int().min(0).nullable(),
});

const logprobs = { logprobs: z.array(LogprobSchema) };

/**
 * Says that the stream, not the run, has come to an end. It repeats the number of the event before
 * it, so that a reader who goes on after that number misses nothing. The standard nests what is
 * wrong; OpenAI's clients read it from the event itself, so it stands in both places.
 */
export const ErrorEventSchema = z.object({
  type: z.literal('error'),
  ...sequence,
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  error: z.object({
    type: z.string(),
    code: z.string(),
    message: z.string(),
    param: z.string().nullable(),
  }),
});
export type ErrorEvent = z.infer<typeof ErrorEventSchema>;

export const StreamEventSchema = z.discriminatedUnion('type', [
  lifecycle('response.created'),
  lifecycle('response.queued').extend({ switchboard: QueuePlaceSchema.optional() }),
  lifecycle('response.in_progress'),
  lifecycle('response.completed'),
  lifecycle('response.failed'),
  lifecycle('response.incomplete'),
  item('response.output_item.added'),
  item('response.output_item.done'),
  contentPart('response.content_part.added'),
  contentPart('response.content_part.done'),
  z.object({
    type: z.literal('response.output_text.delta'),
    ...inContent,
    delta: z.string(),
    ...logprobs,
  }),
  z.object({
    type: z.literal('response.output_text.done'),
    ...inContent,
    text: z.string(),
    ...logprobs,
  }),
  z.object({ type: z.literal('response.refusal.delta'), ...inContent, delta: z.string() }),
  z.object({ type: z.literal('response.refusal.done'), ...inContent, refusal: z.string() }),
  summaryPart('response.reasoning_summary_part.added'),
  summaryPart('response.reasoning_summary_part.done'),
  z.object({
    type: z.literal('response.reasoning_summary_text.delta'),
    ...inSummary,
    delta: z.string(),
  }),
  z.object({
    type: z.literal('response.reasoning_summary_text.done'),
    ...inSummary,
    text: z.string(),
  }),
  z.object({
    type: z.literal('response.function_call_arguments.delta'),
    ...inItem,
    delta: z.string(),
  }),
  z.object({
    type: z.literal('response.function_call_arguments.done'),
    ...inItem,
    arguments: z.string(),
  }),
  z.object({ type: z.literal('response.mcp_call.in_progress'), ...inItem }),
  z.object({ type: z.literal('response.mcp_call.completed'), ...inItem }),
  z.object({ type: z.literal('response.mcp_call.failed'), ...inItem }),
  z.object({ type: z.literal('response.mcp_call_arguments.delta'), ...inItem, delta: z.string() }),
  z.object({
    type: z.literal('response.mcp_call_arguments.done'),
    ...inItem,
    arguments: z.string(),
  }),
  ErrorEventSchema,
]);
export type ResponseStreamEvent = z.infer<typeof StreamEventSchema>;
