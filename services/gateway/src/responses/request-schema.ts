/**
 * The body of `POST /v1/responses`: the parameters of the standard, with OpenAI's ranges. The same
 * schema checks requests and is printed in the OpenAPI document. Unknown top-level fields pass
 * through to the provider (vLLM's `top_k`, for one).
 */
import { z } from 'zod';
import { boundedArray, boundedRecord, variants } from '../chat/bounded.ts';
import { ChatCompletionBody } from '../chat/chat-schema.ts';
import { InputItem } from './input-schema.ts';

/** More items than any conversation that fits into a body has. */
export const INPUT_ITEMS_MAX = 16_384;
const TOOLS_MAX = 1_024;
const INCLUDES_MAX = 64;
const METADATA_MAX = 16;
const METADATA_KEY_MAX = 64;

const chat = ChatCompletionBody.shape;

const FunctionTool = z.looseObject({
  type: z.literal('function'),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
  strict: z.boolean().nullish(),
});

const TOOL_MODES = ['none', 'auto', 'required'] as const;
const NamedFunction = z.looseObject({ type: z.literal('function'), name: z.string().min(1) });
const ToolChoice = z.union([
  z.enum(TOOL_MODES, { error: 'must be "none", "auto", "required" or an object' }),
  variants(
    'type',
    ['function', 'allowed_tools'],
    [
      NamedFunction,
      z.looseObject({
        type: z.literal('allowed_tools'),
        mode: z.enum(TOOL_MODES).optional(),
        tools: boundedArray(NamedFunction, TOOLS_MAX, 1),
      }),
    ],
  ),
]);

const TextFormat = variants(
  'type',
  ['text', 'json_object', 'json_schema'],
  [
    z.looseObject({ type: z.literal('text') }),
    z.looseObject({ type: z.literal('json_object') }),
    z.looseObject({
      type: z.literal('json_schema'),
      name: z.string().min(1),
      description: z.string().nullish(),
      schema: z.looseObject({}),
      strict: z.boolean().nullish(),
    }),
  ],
);

const Metadata = boundedRecord(z.string().max(512), METADATA_MAX).superRefine((record, context) => {
  if (Object.keys(record).every((key) => key.length <= METADATA_KEY_MAX)) return;
  const message = `must have keys of at most ${METADATA_KEY_MAX} characters`;
  context.addIssue({ code: 'custom', message });
});

export const CreateResponseBody = z.looseObject({
  model: chat.model,
  input: z
    .union([
      z.string({ error: 'must be a string or an array of input items' }),
      boundedArray(InputItem, INPUT_ITEMS_MAX),
    ])
    .nullish(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().min(1).max(256).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_obfuscation: z.literal(false).nullish() }).nullish(),
  background: z.boolean().nullish(),
  store: z.boolean().nullish(),
  metadata: Metadata.nullish(),
  include: boundedArray(z.literal('message.output_text.logprobs'), INCLUDES_MAX).nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),

  tools: boundedArray(FunctionTool, TOOLS_MAX).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z
    .looseObject({
      format: TextFormat.nullish(),
      verbosity: z.enum(['low', 'medium', 'high']).nullish(),
    })
    .nullish(),
  reasoning: z
    .looseObject({
      effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).nullish(),
      summary: z.literal('auto').nullish(),
    })
    .nullish(),
  max_output_tokens: z.number().int().min(16).nullish(),
  temperature: chat.temperature,
  top_p: chat.top_p,
  presence_penalty: chat.presence_penalty,
  frequency_penalty: chat.frequency_penalty,
  top_logprobs: chat.top_logprobs,
  service_tier: chat.service_tier,
  user: chat.user,
  safety_identifier: z.string().max(64).nullish(),
  prompt_cache_key: z.string().max(64).nullish(),
  prompt_cache_retention: chat.prompt_cache_retention,
  stop: chat.stop,
  seed: chat.seed,
  logit_bias: chat.logit_bias,
});
export type CreateResponseBody = z.infer<typeof CreateResponseBody>;
