/**
 * The messages of a chat completion request. Unknown fields pass through; the types of known ones
 * are checked here, so that a mistake is named before it takes a place in the queue.
 */
import { z } from 'zod';
import { boundedArray, variants } from './bounded.ts';

/** More parts than any client sends in one message. */
const PARTS_MAX = 2_048;
/** OpenAI's limit on tools, and so on calls, is 128; other providers allow more. */
const TOOL_CALLS_MAX = 1_024;

const TextPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const RefusalPart = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });
const ImagePart = z.looseObject({
  type: z.literal('image_url'),
  image_url: z.looseObject({
    url: z.string(),
    detail: z.enum(['auto', 'low', 'high', 'original']).nullish(),
  }),
});

const text = z.string({ error: 'must be a string or an array of content parts' });
const parts = <T extends z.ZodType>(part: T) => boundedArray(part, PARTS_MAX, 1);

const TextContent = z.union([text, parts(variants('type', ['text'], [TextPart]))]);
const UserContent = z.union([
  text,
  parts(variants('type', ['text', 'image_url'], [TextPart, ImagePart])),
]);
const AssistantContent = z.union([
  text,
  parts(variants('type', ['text', 'refusal'], [TextPart, RefusalPart])),
]);

const name = z.string().nullish();

const ToolCall = z.looseObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const AssistantMessage = z
  .looseObject({
    role: z.literal('assistant'),
    content: AssistantContent.nullish(),
    refusal: z.string().nullish(),
    tool_calls: boundedArray(ToolCall, TOOL_CALLS_MAX).nullish(),
    name,
  })
  .superRefine((message, context) => {
    const says = message.content ?? message.refusal;
    if (says !== undefined && says !== null) return;
    if ((message.tool_calls?.length ?? 0) > 0) return;
    context.addIssue({
      code: 'custom',
      path: ['content'],
      message: 'is required unless the message has tool_calls',
    });
  });

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'];

export const Message = variants('role', ROLES, [
  z.looseObject({ role: z.literal('system'), content: TextContent, name }),
  z.looseObject({ role: z.literal('developer'), content: TextContent, name }),
  z.looseObject({ role: z.literal('user'), content: UserContent, name }),
  AssistantMessage,
  z.looseObject({ role: z.literal('tool'), content: TextContent, tool_call_id: z.string().min(1) }),
]);
