/**
 * The body of `POST /v1/chat/completions`: OpenAI's parameters with their types and ranges. The
 * same schema checks requests and is printed in the OpenAPI document. Unknown top-level fields pass
 * through to the provider (vLLM's `top_k`, for one).
 */
import { z } from 'zod';
import { boundedArray, boundedRecord, variants } from './bounded.ts';
import { Message } from './message-schema.ts';

/** More messages than any conversation that fits into a body has. */
const MESSAGES_MAX = 16_384;
const TOOLS_MAX = 1_024;
const STOPS_MAX = 64;
const ENTRIES_MAX = 1_024;

const tokens = z.number().int().min(1);
const penalty = z.number().min(-2).max(2);

const Tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: z.looseObject({}).nullish(),
    strict: z.boolean().nullish(),
  }),
});

const ToolChoice = z.union([
  z.enum(['none', 'auto', 'required'], {
    error: 'must be "none", "auto", "required" or an object',
  }),
  variants(
    'type',
    ['function', 'allowed_tools'],
    [
      z.looseObject({
        type: z.literal('function'),
        function: z.looseObject({ name: z.string().min(1) }),
      }),
      z.looseObject({ type: z.literal('allowed_tools'), allowed_tools: z.looseObject({}) }),
    ],
  ),
]);

const FORMATS = ['text', 'json_object', 'json_schema'];

const ResponseFormat = variants('type', FORMATS, [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().min(1),
      description: z.string().nullish(),
      schema: z.looseObject({}).nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const Prediction = z.looseObject({
  type: z.literal('content'),
  content: z.union([
    z.string({ error: 'must be a string or an array of content parts' }),
    boundedArray(z.looseObject({ type: z.literal('text'), text: z.string() }), STOPS_MAX),
  ]),
});

export const ChatCompletionBody = z.looseObject({
  model: z.string().min(1).max(256).describe('Name of an agent: see `GET /v1/models`.'),
  messages: boundedArray(Message, MESSAGES_MAX, 1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),

  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: penalty.nullish(),
  frequency_penalty: penalty.nullish(),
  max_tokens: tokens.nullish(),
  max_completion_tokens: tokens.nullish(),
  stop: z
    .union([
      z.string({ error: 'must be a string or an array of strings' }),
      boundedArray(z.string(), STOPS_MAX),
    ])
    .nullish(),
  seed: z.number().int().nullish(),
  n: z.literal(1).nullish(),
  logit_bias: boundedRecord(z.number().min(-100).max(100), ENTRIES_MAX).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  response_format: ResponseFormat.nullish(),
  tools: boundedArray(Tool, TOOLS_MAX).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning_effort: z.string().nullish(),
  verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  prediction: Prediction.nullish(),
  modalities: boundedArray(z.literal('text'), 1).nullish(),
  service_tier: z.string().nullish(),
  store: z.literal(false).nullish(),
  metadata: boundedRecord(z.string(), ENTRIES_MAX).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
});
export type ChatCompletionBody = z.infer<typeof ChatCompletionBody>;
