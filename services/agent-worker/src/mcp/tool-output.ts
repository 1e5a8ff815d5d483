import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ToolError } from '../tools/tool.ts';

/** Longest error that a model is told, in characters. */
export const ERROR_LENGTH_MAX = 4_000;
const URI_LENGTH_MAX = 500;

/** What a tool gave, read leniently: a part we do not know is named, not refused. */
export const CallResult = z.looseObject({
  content: z.array(z.unknown()).optional(),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().optional(),
});
export type CallResult = z.infer<typeof CallResult>;

const Resource = z.looseObject({
  uri: z.string().optional(),
  text: z.string().optional(),
  blob: z.string().optional(),
});
const Part = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  /** Base64. */
  data: z.string().optional(),
  uri: z.string().optional(),
  resource: Resource.optional(),
});

/**
 * What the model is given for a result. How much of it, is decided by who called the tool.
 * @throws ToolError when the tool says that it failed
 */
export function toolOutput(result: CallResult): string {
  const parts = (result.content ?? []).map(partText);
  const structured = result.structuredContent;
  if (structured !== undefined && !parts.some((text) => says(text, structured))) {
    parts.push(jsonOf(structured));
  }
  const output = parts.join('\n');
  if (result.isError === true) throw new ToolError(errorText(output));
  return output;
}

/** Bounded; for a tool that failed without a word, too. */
export function errorText(text: string): string {
  if (text.trim() === '') return 'The tool failed and does not say why.';
  return text.length <= ERROR_LENGTH_MAX ? text : `${text.slice(0, ERROR_LENGTH_MAX)}…`;
}

function partText(value: unknown): string {
  const part = Part.safeParse(value);
  if (!part.success) return '[unknown]';
  const { type, text, data, uri, resource } = part.data;
  if (type === 'text') return text ?? '';
  if (resource?.text !== undefined) return resource.text;
  const bytes = data ?? resource?.blob;
  const facts = [type.slice(0, 40)];
  if (bytes !== undefined) facts.push(sizeText(Math.floor((bytes.length * 3) / 4)));
  const address = uri ?? resource?.uri;
  if (address !== undefined) facts.push(address.slice(0, URI_LENGTH_MAX));
  return `[${facts.join(', ')}]`;
}

/** Servers repeat structured content as text, for clients that know only that. */
function says(text: string, structured: unknown): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    return isDeepStrictEqual(JSON.parse(text), structured);
  } catch {
    return false;
  }
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    throw new ToolError('The tool gave a value that is nested too deeply.');
  }
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const [amount, unit] = bytes < 1_000_000 ? [bytes / 1_000, 'kB'] : [bytes / 1_000_000, 'MB'];
  return `${Math.round(amount)} ${unit}`;
}
