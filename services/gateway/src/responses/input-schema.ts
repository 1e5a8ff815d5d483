/**
 * The input items of `POST /v1/responses`, as callers send them. Unknown fields are let through and
 * not used: SDKs add their own to items that their users send back.
 */
import { z } from 'zod';
import { boundedArray, variants } from '../chat/bounded.ts';

/** More parts than any client sends in one item. */
const PARTS_MAX = 2_048;

const id = z.string().nullish();
const parts = <T extends z.ZodType>(part: T) => boundedArray(part, PARTS_MAX);
const content = <T extends z.ZodType>(part: T) =>
  z.union([z.string({ error: 'must be a string or an array of content parts' }), parts(part)]);

const InputText = z.looseObject({ type: z.literal('input_text'), text: z.string() });
const InputImage = z.looseObject({
  type: z.literal('input_image'),
  image_url: z.string(),
  detail: z.enum(['low', 'high', 'auto']).nullish(),
});
const InputFile = z.looseObject({
  type: z.literal('input_file'),
  filename: z.string().nullish(),
  file_data: z.string(),
});
const OutputText = z.looseObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: boundedArray(
    z.looseObject({
      type: z.literal('url_citation'),
      url: z.string(),
      start_index: z.int().min(0),
      end_index: z.int().min(0),
      title: z.string(),
    }),
    PARTS_MAX,
  ).nullish(),
});
const Refusal = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });

const UserParts = ['input_text', 'input_image', 'input_file'];
const AssistantParts = ['output_text', 'refusal'];
const type = z.literal('message');
const status = z.string().nullish();
const Instruction = content(variants('type', ['input_text'], [InputText]));

const InputMessage = variants(
  'role',
  ['user', 'assistant', 'system', 'developer'],
  [
    z.looseObject({
      type,
      id,
      status,
      role: z.literal('user'),
      content: content(variants('type', UserParts, [InputText, InputImage, InputFile])),
    }),
    z.looseObject({
      type,
      id,
      status,
      role: z.literal('assistant'),
      content: content(variants('type', AssistantParts, [OutputText, Refusal])),
    }),
    z.looseObject({ type, id, status, role: z.literal('system'), content: Instruction }),
    z.looseObject({ type, id, status, role: z.literal('developer'), content: Instruction }),
  ],
);

const callId = z.string().min(1);

const FunctionCall = z.looseObject({
  type: z.literal('function_call'),
  id,
  call_id: callId,
  name: z.string().min(1),
  arguments: z.string(),
  status,
});

const FunctionCallOutput = z.looseObject({
  type: z.literal('function_call_output'),
  id,
  call_id: callId,
  output: z.union([
    z.string({ error: 'must be a string or an array of content parts' }),
    parts(variants('type', ['input_text'], [InputText])),
  ]),
  status,
});

const Reasoning = z.looseObject({
  type: z.literal('reasoning'),
  id,
  summary: parts(z.looseObject({ type: z.literal('summary_text'), text: z.string() })),
  content: parts(z.looseObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
  status,
});

/** What an answer showed of the agent's own tools. Errors have had several forms. */
const McpCall = z.looseObject({
  type: z.literal('mcp_call'),
  id,
  server_label: z.string(),
  name: z.string().min(1),
  arguments: z.string(),
  output: z.string().nullish(),
  error: z.union([z.string(), z.looseObject({})]).nullish(),
  status,
});

export const INPUT_ITEM_TYPES = [
  'message',
  'function_call',
  'function_call_output',
  'reasoning',
  'mcp_call',
];
/** Content parts that some message may have. */
export const INPUT_PART_TYPES = [...UserParts, ...AssistantParts];

export const InputItem = variants('type', INPUT_ITEM_TYPES, [
  InputMessage,
  FunctionCall,
  FunctionCallOutput,
  Reasoning,
  McpCall,
]);
export type InputItem = z.infer<typeof InputItem>;
