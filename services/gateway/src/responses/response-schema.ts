/**
 * A response, as `POST /v1/responses` answers and `GET /v1/responses/{id}` repeats it. Everything
 * the standard calls nullable is required here: it is sent as null, never left out.
 */
import { z } from 'zod';
import { OutputItemSchema } from './item-schema.ts';

/**
 * - `queued`: accepted, no worker has taken it yet.
 * - `in_progress`: a worker runs it.
 * - `completed`: the model came to its end.
 * - `incomplete`: cut off; `incomplete_details` says by what.
 * - `failed`: `error` says why.
 * - `cancelled`: its caller, or nobody waiting for it any more, has ended it.
 */
export const ResponseStatus = z.enum([
  'queued',
  'in_progress',
  'completed',
  'incomplete',
  'failed',
  'cancelled',
]);
export type ResponseStatus = z.infer<typeof ResponseStatus>;

const FunctionTool = z.object({
  type: z.literal('function'),
  name: z.string(),
  description: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()).nullable(),
  strict: z.boolean().nullable(),
});

const ToolMode = z.enum(['none', 'auto', 'required']);
const NamedFunction = z.object({ type: z.literal('function'), name: z.string() });
const ToolChoice = z.union([
  ToolMode,
  NamedFunction,
  z.object({ type: z.literal('allowed_tools'), mode: ToolMode, tools: z.array(NamedFunction) }),
]);

const TextFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string(),
    description: z.string().nullable(),
    // The standard has room for null only, so the caller's schema is not repeated.
    schema: z.null(),
    strict: z.boolean(),
  }),
]);

const Reasoning = z.object({
  effort: z.enum(['none', 'low', 'medium', 'high', 'xhigh']).nullable(),
  summary: z.enum(['auto', 'concise', 'detailed']).nullable(),
});

export const ResponseUsageSchema = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});
export type ResponseUsage = z.infer<typeof ResponseUsageSchema>;

/** What a response repeats of its request, defaults filled in. */
export const ResponseEchoSchema = z.object({
  frequency_penalty: z.number(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.null(),
  metadata: z.record(z.string(), z.string()),
  parallel_tool_calls: z.boolean(),
  presence_penalty: z.number(),
  previous_response_id: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  reasoning: Reasoning,
  safety_identifier: z.string().nullable(),
  service_tier: z.string(),
  store: z.boolean(),
  temperature: z.number(),
  text: z.object({
    format: TextFormat,
    verbosity: z.enum(['low', 'medium', 'high']).optional(),
  }),
  tool_choice: ToolChoice,
  tools: z.array(FunctionTool),
  top_logprobs: z.int(),
  top_p: z.number(),
  truncation: z.enum(['auto', 'disabled']),
  user: z.string().nullable(),
});
export type ResponseEcho = z.infer<typeof ResponseEchoSchema>;

export const ResponseSchema = z.object({
  id: z.string().startsWith('resp_'),
  object: z.literal('response'),
  /** Seconds since 1970. */
  created_at: z.int(),
  /** Seconds since 1970; null unless completed. */
  completed_at: z.int().nullable(),
  status: ResponseStatus,
  incomplete_details: z
    .object({ reason: z.enum(['max_output_tokens', 'content_filter']) })
    .nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  model: z.string(),
  output: z.array(OutputItemSchema),
  usage: ResponseUsageSchema.nullable(),
  background: z.boolean(),
  ...ResponseEchoSchema.shape,
});
export type ResponseObject = z.infer<typeof ResponseSchema>;
