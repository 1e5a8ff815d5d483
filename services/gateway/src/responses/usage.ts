import type { Usage } from '@switchboard/contract';
import type { ResponseUsage } from './response-schema.ts';

/** Token counts of chat completions under the names of the Responses API. */
export function responseUsage(usage: Usage): ResponseUsage {
  return {
    input_tokens: count(usage.prompt_tokens),
    input_tokens_details: {
      cached_tokens: detail(usage['prompt_tokens_details'], 'cached_tokens'),
      // Not in the standard, but OpenAI's SDKs read it as one that is always there.
      cache_write_tokens: detail(usage['prompt_tokens_details'], 'cache_write_tokens'),
    },
    output_tokens: count(usage.completion_tokens),
    output_tokens_details: {
      reasoning_tokens: detail(usage['completion_tokens_details'], 'reasoning_tokens'),
    },
    total_tokens: count(usage.total_tokens),
  };
}

function detail(details: unknown, name: string): number {
  if (typeof details !== 'object' || details === null) return 0;
  return count((details as Readonly<Record<string, unknown>>)[name]);
}

/** Providers are not bound to whole numbers; the standard is. */
function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.round(value) : 0;
}
