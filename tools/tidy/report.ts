import type { RepositoryFile, Rule } from './rule.ts';

/** One line a problem, `path:line rule: message`, by path and line. */
export function report(rules: readonly Rule[], files: readonly RepositoryFile[]): string[] {
  const found = rules.flatMap((rule) =>
    rule.check(files).map((problem) => ({ ...problem, rule: rule.name })),
  );
  const sorted = found.toSorted(
    (a, b) => compare(a.path, b.path) || a.line - b.line || compare(a.rule, b.rule),
  );
  return sorted.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
