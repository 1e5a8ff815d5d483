/** The answers of the API as schemas: printed in the OpenAPI document, and checked in tests. */
import { z } from 'zod';
import { ItemSchema } from '../responses/standard-schema.ts';

const Usage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

const Logprobs = z.looseObject({
  content: z.array(z.unknown()).nullish(),
  refusal: z.array(z.unknown()).nullish(),
});

/** A tool that the worker ran for the agent: nothing that the caller has to do. */
const ShownCall = z.object({
  id: z.string(),
  name: z.string(),
  source: z.string(),
  arguments: z.string(),
});
const ShownResult = z.object({
  id: z.string(),
  output: z.string(),
  failed: z.literal(true).optional(),
});

export const ChatCompletionSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.tuple([
    z.object({
      index: z.literal(0),
      message: z.object({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z.string().nullable(),
        reasoning_content: z.string().optional(),
        tool_calls: z
          .array(
            z.object({
              id: z.string(),
              type: z.literal('function'),
              function: z.object({ name: z.string(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      logprobs: Logprobs.nullable(),
      finish_reason: z.string(),
    }),
  ]),
  usage: Usage.optional(),
  system_fingerprint: z.string().optional(),
  service_tier: z.string().optional(),
  switchboard: z
    .object({
      tool_calls: z.array(ShownCall.extend(ShownResult.partial().omit({ id: true }).shape)),
    })
    .optional(),
});

export const ChatCompletionChunkSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z
    .array(
      z.object({
        index: z.literal(0),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().nullish(),
          refusal: z.string().optional(),
          reasoning_content: z.string().optional(),
          tool_calls: z
            .array(
              z.object({
                index: z.int(),
                id: z.string().optional(),
                type: z.literal('function').optional(),
                function: z.object({
                  name: z.string().optional(),
                  arguments: z.string().optional(),
                }),
              }),
            )
            .optional(),
        }),
        logprobs: Logprobs.nullable(),
        finish_reason: z.string().nullable(),
      }),
    )
    .max(1),
  usage: Usage.nullish(),
  system_fingerprint: z.string().optional(),
  service_tier: z.string().optional(),
  switchboard: z
    .union([
      z.object({ restarted: z.literal(true) }),
      z.object({ tool_call: ShownCall }),
      z.object({ tool_result: ShownResult }),
    ])
    .optional(),
});

export const ModelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
});

export const ModelListSchema = z.object({
  object: z.literal('list'),
  data: z.array(ModelSchema),
});

export const ErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

export const HealthSchema = z.object({
  status: z.string(),
  checks: z.record(z.string(), z.boolean()).optional(),
  problem: z.string().optional(),
});

export const DeletedResponseSchema = z.object({
  id: z.string(),
  object: z.literal('response'),
  deleted: z.literal(true),
});

export const InputItemListSchema = z.object({
  object: z.literal('list'),
  data: z.array(ItemSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
