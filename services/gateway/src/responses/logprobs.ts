/** Log probabilities of a provider in the form of the standard. */
import type { Logprob } from './item-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * @param logprobs what a chat completion carries: `{ content: [...] }`. What is no token in it is
 * left out.
 */
export function responseLogprobs(logprobs: unknown): Logprob[] {
  if (!isObject(logprobs) || !Array.isArray(logprobs['content'])) return [];
  return logprobs['content'].flatMap((entry: unknown) =>
    tokenOf(entry).map((token) => {
      const top = isObject(entry) ? entry['top_logprobs'] : undefined;
      return { ...token, top_logprobs: Array.isArray(top) ? top.flatMap(tokenOf) : [] };
    }),
  );
}

function tokenOf(entry: unknown): { token: string; logprob: number; bytes: number[] }[] {
  if (!isObject(entry)) return [];
  const { token, logprob, bytes } = entry;
  if (typeof token !== 'string' || typeof logprob !== 'number') return [];
  // OpenAI sends null for a token without bytes of its own, some providers send nothing.
  const known = Array.isArray(bytes) && bytes.every((byte) => Number.isInteger(byte));
  return [{ token, logprob, bytes: known ? (bytes as number[]) : [...Buffer.from(token)] }];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
