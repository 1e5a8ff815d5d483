/**
 * The items of the Responses API as the gateway gives them out: what a model wrote, and what a
 * caller sent, in its full form. Written after the open standard Open Responses, with one kind of
 * OpenAI's beside it: {@link McpCallItem}.
 */
import { z } from 'zod';

export const ItemStatus = z.enum(['in_progress', 'completed', 'incomplete']);
export type ItemStatus = z.infer<typeof ItemStatus>;

const TopLogprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.int()),
});
export const LogprobSchema = TopLogprob.extend({ top_logprobs: z.array(TopLogprob) });
export type Logprob = z.infer<typeof LogprobSchema>;

const UrlCitation = z.object({
  type: z.literal('url_citation'),
  url: z.string(),
  start_index: z.int(),
  end_index: z.int(),
  title: z.string(),
});

export const InputText = z.object({ type: z.literal('input_text'), text: z.string() });
export const OutputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(UrlCitation),
  logprobs: z.array(LogprobSchema),
});
export const Refusal = z.object({ type: z.literal('refusal'), refusal: z.string() });
export const SummaryText = z.object({ type: z.literal('summary_text'), text: z.string() });
const ReasoningText = z.object({ type: z.literal('reasoning_text'), text: z.string() });
const InputImage = z.object({
  type: z.literal('input_image'),
  image_url: z.string().nullable(),
  detail: z.enum(['low', 'high', 'auto']),
});
const InputFile = z.object({
  type: z.literal('input_file'),
  filename: z.string().optional(),
  file_data: z.string().optional(),
});

const MessagePart = z.discriminatedUnion('type', [
  InputText,
  OutputText,
  Refusal,
  InputImage,
  InputFile,
]);
export type MessagePart = z.infer<typeof MessagePart>;

export const MessageItem = z.object({
  type: z.literal('message'),
  id: z.string(),
  status: ItemStatus,
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.array(MessagePart),
});
export type MessageItem = z.infer<typeof MessageItem>;

export const FunctionCallItem = z.object({
  type: z.literal('function_call'),
  id: z.string(),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
  status: ItemStatus,
});
export type FunctionCallItem = z.infer<typeof FunctionCallItem>;

export const FunctionCallOutputItem = z.object({
  type: z.literal('function_call_output'),
  id: z.string(),
  call_id: z.string(),
  output: z.union([z.string(), z.array(InputText)]),
  status: ItemStatus,
});
export type FunctionCallOutputItem = z.infer<typeof FunctionCallOutputItem>;

export const ReasoningItem = z.object({
  type: z.literal('reasoning'),
  id: z.string(),
  summary: z.array(SummaryText),
  content: z.array(ReasoningText).optional(),
  encrypted_content: z.string().optional(),
  status: ItemStatus,
});
export type ReasoningItem = z.infer<typeof ReasoningItem>;

export const McpCallStatus = z.enum([...ItemStatus.options, 'failed']);
export type McpCallStatus = z.infer<typeof McpCallStatus>;

/**
 * A call of one of the agent's own tools, from an MCP server or not: this is OpenAI's item for what
 * the server's side has run, and its callers have nothing to do.
 */
export const McpCallItem = z.object({
  type: z.literal('mcp_call'),
  id: z.string(),
  /** `agent`, or the name of the MCP server that has the tool. */
  server_label: z.string(),
  name: z.string(),
  /** JSON, as the model wrote it. */
  arguments: z.string(),
  output: z.string().nullable(),
  error: z
    .object({
      type: z.literal('mcp_tool_execution_error'),
      content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
    })
    .nullable(),
  status: McpCallStatus,
});
export type McpCallItem = z.infer<typeof McpCallItem>;

/** Any item: of an input, or of a stored conversation. */
export const ItemSchema = z.discriminatedUnion('type', [
  MessageItem,
  FunctionCallItem,
  FunctionCallOutputItem,
  ReasoningItem,
  McpCallItem,
]);
export type Item = z.infer<typeof ItemSchema>;

/** What a model writes, and what it has its agent do. */
export const OutputItemSchema = z.discriminatedUnion('type', [
  MessageItem,
  FunctionCallItem,
  ReasoningItem,
  McpCallItem,
]);
export type OutputItem = z.infer<typeof OutputItemSchema>;
