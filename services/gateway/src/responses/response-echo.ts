import type { CreateResponseBody } from './request-schema.ts';
import type { ResponseEcho } from './response-schema.ts';

/** What a response repeats of its request; what was not set has OpenAI's default. */
export function responseEcho(request: CreateResponseBody): ResponseEcho {
  return {
    frequency_penalty: request.frequency_penalty ?? 0,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    presence_penalty: request.presence_penalty ?? 0,
    previous_response_id: request.previous_response_id ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: { effort: effortOf(request), summary: request.reasoning?.summary ?? null },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: request.service_tier ?? 'auto',
    store: request.store ?? true,
    temperature: request.temperature ?? 1,
    text: textOf(request),
    tool_choice: toolChoiceOf(request.tool_choice),
    tools: (request.tools ?? []).map((tool) => ({
      type: tool.type,
      name: tool.name,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? null,
    })),
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: request.truncation ?? 'disabled',
    user: request.user ?? null,
  };
}

/** The standard does not know OpenAI's "minimal", so an answer cannot repeat it. */
function effortOf({ reasoning }: CreateResponseBody): ResponseEcho['reasoning']['effort'] {
  const effort = reasoning?.effort ?? null;
  return effort === 'minimal' ? null : effort;
}

function textOf({ text }: CreateResponseBody): ResponseEcho['text'] {
  const verbosity = text?.verbosity ?? undefined;
  const format = text?.format ?? { type: 'text' as const };
  return {
    format:
      format.type === 'json_schema'
        ? {
            type: format.type,
            name: format.name,
            description: format.description ?? null,
            schema: null,
            strict: format.strict ?? false,
          }
        : { type: format.type },
    ...(verbosity === undefined ? {} : { verbosity }),
  };
}

function toolChoiceOf(choice: CreateResponseBody['tool_choice']): ResponseEcho['tool_choice'] {
  if (choice === undefined || choice === null) return 'auto';
  if (typeof choice === 'string') return choice;
  if (choice.type === 'function') return { type: choice.type, name: choice.name };
  return {
    type: choice.type,
    mode: choice.mode ?? 'auto',
    tools: choice.tools.map(({ type, name }) => ({ type, name })),
  };
}
