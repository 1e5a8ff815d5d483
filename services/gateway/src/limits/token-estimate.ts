/** What a request may cost, before it runs: corrected by the model's own figures after it. */

/** Four bytes of English are about a token; more of other languages, which is corrected after. */
const BYTES_PER_TOKEN = 4;
/** Images and files are counted by no text. */
const DATA_TOKENS = 1_000;
/** Counted for the answer of a request that names no longest one, nor does its agent. */
export const DEFAULT_OUTPUT_TOKENS = 1_000;

/**
 * Tokens of `prompt` (messages, tools: any JSON value) and of the longest answer.
 * @param maxOutputTokens the request's own bound, or its agent's
 */
export function estimateTokens(prompt: unknown, maxOutputTokens?: number): number {
  let bytes = 0;
  let files = 0;
  const waiting: unknown[] = [prompt];
  // Not by recursion: what is nested deeper than the stack is refused elsewhere, not here.
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === 'string') {
      if (value.startsWith('data:')) files += 1;
      else bytes += Buffer.byteLength(value);
    } else if (typeof value === 'object' && value !== null) {
      for (const inner of Object.values(value)) waiting.push(inner);
    }
  }
  const input = Math.ceil(bytes / BYTES_PER_TOKEN) + files * DATA_TOKENS;
  return input + (maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS);
}
