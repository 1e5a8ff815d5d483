/** The parameters of a Responses request under the names of chat completions. */
import { CreateResponseBody } from './request-schema.ts';

type Fields = Readonly<Record<string, unknown>>;

const KNOWN = new Set(Object.keys(CreateResponseBody.shape));
/** Parameters that have the same name and meaning in both. */
const SAME = [
  'temperature',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'service_tier',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'stop',
  'seed',
  'logit_bias',
] as const;

/** Everything but `model`, `stream` and the messages. Fields that are not set are left out. */
export function chatFields(request: CreateResponseBody): Fields {
  const tokens = (request.top_logprobs ?? 0) > 0 || (request.include ?? []).length > 0;
  const fields: Fields = {
    ...passedThrough(request),
    ...Object.fromEntries(SAME.map((name) => [name, request[name]])),
    max_completion_tokens: request.max_output_tokens,
    response_format: responseFormat(request),
    verbosity: request.text?.verbosity,
    reasoning_effort: request.reasoning?.effort,
    logprobs: tokens ? true : undefined,
    top_logprobs: tokens ? request.top_logprobs : undefined,
    ...toolFields(request),
  };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** Top-level fields that the API does not know: a provider's own. */
function passedThrough(request: CreateResponseBody): Fields {
  return Object.fromEntries(Object.entries(request).filter(([name]) => !KNOWN.has(name)));
}

function responseFormat(request: CreateResponseBody): object | undefined {
  const format = request.text?.format;
  if (format === undefined || format === null || format.type === 'text') return undefined;
  if (format.type === 'json_object') return { type: 'json_object' };
  const { name, description, schema, strict } = format;
  const described = description === undefined || description === null ? {} : { description };
  const strictness = strict === undefined || strict === null ? {} : { strict };
  return { type: 'json_schema', json_schema: { name, ...described, schema, ...strictness } };
}

/** Providers refuse the other two where there are no tools. */
function toolFields(request: CreateResponseBody): Fields {
  const tools = request.tools ?? [];
  if (tools.length === 0) return {};
  return {
    tools: tools.map(({ type, ...definition }) => ({ type, function: definition })),
    tool_choice: toolChoice(request.tool_choice),
    parallel_tool_calls: request.parallel_tool_calls,
  };
}

function toolChoice(choice: CreateResponseBody['tool_choice']): unknown {
  if (choice === undefined || choice === null || typeof choice === 'string') return choice;
  if (choice.type === 'function') return named(choice);
  const { mode, tools } = choice;
  return {
    type: 'allowed_tools',
    allowed_tools: { mode: mode ?? 'auto', tools: tools.map(named) },
  };
}

function named({ name }: { readonly name: string }): object {
  return { type: 'function', function: { name } };
}
