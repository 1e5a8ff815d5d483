import type { RepositoryFile, Rule } from './rule.ts';

/** A small repository for the examples of the rules: text by path. */
export function sample(texts: Readonly<Record<string, string>>): RepositoryFile[] {
  return Object.entries(texts).map(([path, text]) => ({
    path,
    text,
    sizeBytes: Buffer.byteLength(text),
  }));
}

/** `path:line message` of every problem. */
export function problemsIn(rule: Rule, texts: Readonly<Record<string, string>>): string[] {
  return rule.check(sample(texts)).map(({ path, line, message }) => `${path}:${line} ${message}`);
}
