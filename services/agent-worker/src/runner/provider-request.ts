import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, ChatRequest, RunRequest } from '@switchboard/contract';
import type { ProviderRequest } from './chat-provider.ts';

/**
 * The provider's request for a run: the profile's instructions before the caller's messages, its
 * defaults under the caller's parameters, its bounds over both. Everything else (`tools`, `user`,
 * `response_format`...) passes through untouched.
 */
export function buildProviderRequest(profile: AgentProfile, request: RunRequest): ProviderRequest {
  const fields: Record<string, unknown> = { ...profile.defaults, ...request.chat };
  boundMaxTokens(fields, profile.max_tokens);
  if (request.stream) {
    // Usage is always asked for: it is accounted even when the caller does not want to see it.
    fields['stream_options'] = { ...asObject(fields['stream_options']), include_usage: true };
  } else if (request.chat['stream_options'] === undefined) {
    // A default meant for streams: providers refuse it where there is none.
    delete fields['stream_options'];
  }
  return {
    ...fields,
    model: modelOf(profile, request),
    messages: withInstructions(profile.instructions, request.chat.messages),
    stream: request.stream,
  };
}

function modelOf(profile: AgentProfile, request: RunRequest): string {
  if (profile.model !== '*') return profile.model;
  if (request.model !== undefined) return request.model;
  throw new SwitchboardError('model_not_found', 'The request names no model behind its prefix.');
}

function withInstructions(
  instructions: string,
  messages: ChatRequest['messages'],
): readonly unknown[] {
  return instructions === '' ? messages : [{ role: 'system', content: instructions }, ...messages];
}

/** Newer OpenAI models know only the second name, most other servers only the first. */
const MAX_TOKENS_FIELDS = ['max_tokens', 'max_completion_tokens'] as const;

/** The caller's limit in the caller's field, never above the profile's. */
function boundMaxTokens(fields: Record<string, unknown>, bound: number | undefined): void {
  if (bound === undefined) return;
  let bounded = false;
  for (const name of MAX_TOKENS_FIELDS) {
    const value = fields[name];
    if (value === undefined) continue;
    if (value === null) {
      // `null` asks for no limit.
      delete fields[name];
      continue;
    }
    if (typeof value === 'number' && value > bound) fields[name] = bound;
    bounded = true;
  }
  // A server that does not know `max_tokens` says so; one that does not know the other ignores it.
  if (!bounded) fields['max_tokens'] = bound;
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
