import type { ProviderRequest } from './chat-provider.ts';

const CHARACTERS = 4;
/** What a message costs besides its text. */
const MESSAGE = 4;
/** An image, a file: their size in characters says nothing. */
const PART = 765;

/** About how many tokens the prompt of a request has: a quarter of its characters. */
export function promptTokens({ messages, tools }: ProviderRequest): number {
  let tokens = tools === undefined ? 0 : jsonTokens(tools);
  for (const message of messages) tokens += MESSAGE + messageTokens(message);
  return tokens;
}

function messageTokens(message: unknown): number {
  if (!isObject(message)) return 0;
  const { content, tool_calls: calls } = message;
  let tokens = calls === undefined ? 0 : jsonTokens(calls);
  if (typeof content === 'string') tokens += textTokens(content);
  if (!Array.isArray(content)) return tokens;
  for (const part of content as readonly unknown[]) {
    tokens += isObject(part) && typeof part['text'] === 'string' ? textTokens(part['text']) : PART;
  }
  return tokens;
}

function jsonTokens(value: unknown): number {
  return textTokens(JSON.stringify(value) ?? '');
}

function textTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
