/**
 * What OpenAI's Responses API knows and Switchboard does not do, and names that belong to chat
 * completions. Each is refused by name: a parameter that is silently ignored costs its caller more
 * than one that is refused.
 */
import { SwitchboardError } from '@switchboard/contract';
import { refuseInInput } from './unsupported-input.ts';

type Json = Readonly<Record<string, unknown>>;

const CHAT = 'belongs to chat completions';

/** Refused whenever they are set at all. */
const FIELDS: Readonly<Record<string, string>> = {
  conversation: '`conversation` is not supported: use `previous_response_id`.',
  prompt: 'Prompt templates are not supported: use `instructions` and `input`.',
  context_management: 'Context management is not supported.',
  moderation: 'Moderation is not supported.',
  image: 'Image answers are not supported.',
  audio: 'Audio answers are not supported.',
  modalities: 'The only modality is text: leave `modalities` out.',
  access_programs: 'Access programs are not supported.',
  max_tool_calls: 'There are no built-in tools whose calls could be limited.',
  web_search_options: 'Web search is not supported.',
  messages: `\`messages\` ${CHAT}: use \`input\`.`,
  max_tokens: `\`max_tokens\` ${CHAT}: use \`max_output_tokens\`.`,
  max_completion_tokens: `\`max_completion_tokens\` ${CHAT}: use \`max_output_tokens\`.`,
  response_format: `\`response_format\` ${CHAT}: use \`text.format\`.`,
  reasoning_effort: `\`reasoning_effort\` ${CHAT}: use \`reasoning.effort\`.`,
  verbosity: `\`verbosity\` ${CHAT}: use \`text.verbosity\`.`,
  logprobs: `\`logprobs\` ${CHAT}: use \`include\`: ["message.output_text.logprobs"].`,
  functions: `\`functions\` ${CHAT}: use \`tools\`.`,
  function_call: `\`function_call\` ${CHAT}: use \`tool_choice\`.`,
  n: `\`n\` ${CHAT}: a response is one answer.`,
};

const LOGPROBS = 'message.output_text.logprobs';
/** All that is understood inside of parameters that are objects. */
const NESTED: Readonly<Record<string, readonly string[]>> = {
  text: ['format', 'verbosity'],
  reasoning: ['effort', 'summary'],
  stream_options: ['include_obfuscation'],
};
const TOOL_FIELDS = ['type', 'name', 'description', 'parameters', 'strict'];
/** Beyond this the schema refuses the list anyway. */
const LOOKED_AT_MAX = 1_024;

/** @throws SwitchboardError `unsupported_parameter` naming the first one found. */
export function refuseUnsupported(body: Json): void {
  for (const [field, message] of Object.entries(FIELDS)) {
    if (isSet(body[field])) throw unsupported(field, message);
  }
  for (const [field, known] of Object.entries(NESTED)) refuseUnknown(body[field], field, known);
  const { reasoning, stream_options: options } = body;
  if (isObject(reasoning) && isSet(reasoning['summary']) && reasoning['summary'] !== 'auto') {
    const message = 'Reasoning is shown as the provider gives it: only "auto" is supported.';
    throw unsupported('reasoning.summary', message);
  }
  if (isObject(options) && options['include_obfuscation'] === true) {
    throw unsupported('stream_options.include_obfuscation', 'Obfuscation is not supported.');
  }
  listOf(body['include']).forEach((value, index) => {
    if (typeof value !== 'string' || value === LOGPROBS) return;
    throw unsupported(`include[${index}]`, `Only "${LOGPROBS}" can be included.`);
  });
  listOf(body['tools']).forEach((tool, index) => refuseTool(tool, `tools[${index}]`, true));
  refuseToolChoice(body['tool_choice']);
  if (Array.isArray(body['input'])) refuseInInput(body['input']);
}

function refuseToolChoice(choice: unknown): void {
  if (!isObject(choice)) return;
  if (choice['type'] !== 'allowed_tools') {
    refuseTool(choice, 'tool_choice', false);
    return;
  }
  listOf(choice['tools']).forEach((tool, index) =>
    refuseTool(tool, `tool_choice.tools[${index}]`, false),
  );
}

function refuseTool(tool: unknown, path: string, definition: boolean): void {
  if (!isObject(tool)) return;
  const { type } = tool;
  if (typeof type === 'string' && type !== 'function') {
    throw unsupported(`${path}.type`, 'Only tools of the type "function" are supported.');
  }
  if (definition) refuseUnknown(tool, path, TOOL_FIELDS);
}

function refuseUnknown(value: unknown, path: string, known: readonly string[]): void {
  if (!isObject(value)) return;
  for (const [key, field] of Object.entries(value)) {
    if (known.includes(key) || !isSet(field)) continue;
    throw unsupported(`${path}.${key}`, `This field of \`${path}\` is not supported.`);
  }
}

function unsupported(param: string, message: string): SwitchboardError {
  return new SwitchboardError('unsupported_parameter', message, { param });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, LOOKED_AT_MAX) : [];
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
