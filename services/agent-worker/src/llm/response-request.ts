import type { ProviderRequest } from '../runner/chat-provider.ts';
import { responseInput } from './response-input.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What has another name or shape here; the rest keeps its name, and the provider judges it. */
const TRANSLATED = new Set([
  'messages',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'response_format',
  'verbosity',
  'reasoning_effort',
  'reasoning',
  'text',
  'logprobs',
  'top_logprobs',
  'include',
  'tools',
  'tool_choice',
  'store',
  'n',
]);

/**
 * A chat completion request as a request for a response. Nothing is stored at the provider: the
 * conversation is sent whole each time.
 */
export function responseRequest(body: ProviderRequest): object {
  const kept = Object.entries(body).filter(([name]) => !TRANSLATED.has(name));
  const fields: Fields = {
    ...Object.fromEntries(kept),
    ...responseInput(body.messages),
    store: false,
    max_output_tokens: leastOf(body['max_tokens'], body['max_completion_tokens']),
    text: merged(body['text'], {
      format: textFormat(body['response_format']),
      verbosity: body['verbosity'],
    }),
    reasoning: merged(body['reasoning'], { effort: body['reasoning_effort'] }),
    ...logprobFields(body),
    tools: toolsOf(body['tools']),
    tool_choice: toolChoice(body['tool_choice']),
  };
  return present(fields);
}

function leastOf(...limits: readonly unknown[]): number | undefined {
  const numbers = limits.filter((limit) => typeof limit === 'number');
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

/** The fields that are set, over those of `given`; undefined when there are none at all. */
function merged(given: unknown, fields: Fields): Fields | undefined {
  const all = { ...asFields(given), ...present(fields) };
  return Object.keys(all).length === 0 ? undefined : all;
}

function textFormat(format: unknown): Fields | undefined {
  const { type, json_schema: declared } = asFields(format);
  if (type === 'json_object') return { type };
  return type === 'json_schema' ? { type, ...asFields(declared) } : undefined;
}

function logprobFields(body: ProviderRequest): Fields {
  const include = Array.isArray(body['include']) ? (body['include'] as readonly unknown[]) : [];
  if (body['logprobs'] !== true) return include.length === 0 ? {} : { include };
  return {
    include: [...include, 'message.output_text.logprobs'],
    top_logprobs: body['top_logprobs'],
  };
}

function toolsOf(tools: unknown): readonly unknown[] | undefined {
  if (!Array.isArray(tools)) return undefined;
  return (tools as readonly unknown[]).map((tool) => {
    const { type, function: declared } = asFields(tool);
    if (type !== 'function') return tool;
    // Left out it means `true` here, and `false` in chat completions.
    return { type, strict: false, ...present(asFields(declared)) };
  });
}

function toolChoice(choice: unknown): unknown {
  const { type, function: named, allowed_tools: allowed } = asFields(choice);
  if (type === 'function') return { type, name: asFields(named)['name'] };
  if (type !== 'allowed_tools') return choice;
  const { mode, tools } = asFields(allowed);
  const names = Array.isArray(tools) ? (tools as readonly unknown[]).map(toolChoice) : tools;
  return { type, mode, tools: names };
}

function present(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
