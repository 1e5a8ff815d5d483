/** What a rule of the repository's test of itself is. */

/** A file of the repository: tracked, or new and not ignored. */
export interface RepositoryFile {
  /** From the repository's root, with forward slashes: `libs/pool/src/index.ts`. */
  readonly path: string;
  readonly text: string;
  readonly sizeBytes: number;
}

export interface Problem {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

export interface Rule {
  /** In kebab-case; stands in every report. */
  readonly name: string;
  /** One sentence: what goes wrong without the rule. */
  readonly why: string;
  check(files: readonly RepositoryFile[]): Problem[];
}

/** The problem of a file that must exist and does not. */
export function missing(path: string, purpose: string): Problem {
  return { path, line: 1, message: `the file is missing: ${purpose}` };
}

/** The line, from 1, of a place in a text. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** Every match of a global pattern as a problem of the file. */
export function problemsAt(
  file: RepositoryFile,
  pattern: RegExp,
  message: (match: string) => string,
  text: string = file.text,
): Problem[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    message: message(match[0]),
  }));
}
