import type { Price, Usage } from '@switchboard/contract';

const TOKENS = 1_000_000;

/** What so many tokens cost, in US dollars. Cached ones are part of the prompt's. */
export function costOf(price: Price, usage: Usage): number {
  const { prompt_tokens: prompt, completion_tokens: completion } = usage;
  const cached = Math.min(prompt, cachedTokens(usage));
  const cachedPrice = price.cached_input ?? price.input;
  const micros = (prompt - cached) * price.input + cached * cachedPrice + completion * price.output;
  return micros / TOKENS;
}

function cachedTokens({ prompt_tokens_details: details }: Usage): number {
  if (typeof details !== 'object' || details === null || !('cached_tokens' in details)) return 0;
  const { cached_tokens: cached } = details;
  return typeof cached === 'number' && cached > 0 ? cached : 0;
}
