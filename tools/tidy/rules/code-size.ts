import { isCode, isSpec } from '../code-file.ts';
import type { Problem, RepositoryFile, Rule } from '../rule.ts';
import { maskText } from '../source-text.ts';

const LINES_MAX = 400;
const SPEC_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 100;

function fileProblems(file: RepositoryFile): Problem[] {
  const count = file.text.replace(/\n$/, '').split('\n').length;
  const max = isSpec(file.path) ? SPEC_LINES_MAX : LINES_MAX;
  if (count <= max) return [];
  return [{ path: file.path, line: max + 1, message: `${count} lines; at most ${max} a file` }];
}

function columnProblems(file: RepositoryFile): Problem[] {
  return file.text.split('\n').flatMap((line, at) => {
    // An address cannot be broken, and the sentence that names a test should not be.
    if (line.length <= COLUMNS_MAX || /https?:\/\/|^\s*(test|it|describe)\(/.test(line)) return [];
    const message = `${line.length} columns; at most ${COLUMNS_MAX} a line`;
    return [{ path: file.path, line: at + 1, message }];
  });
}

const BLOCK = /^\s*(\}\s*)?(if|for|while|switch|catch|else|do|try|finally|class|interface)\b/;
/** A group of tests is a list, not a function one reads at a stretch. */
const TEST_GROUP = /^\s*(await )?(describe|suite)(\.\w+)?\(/;

/** Whether a line that ends with `{` opens the body of a function. */
function opensFunction(line: string): boolean {
  return !BLOCK.test(line) && /(=>|\)|\)\s*:.*[^=])\s*\{$/.test(line);
}

/**
 * Functions that are too long, from the first line of their signature to their closing brace. It
 * relies on the formatter: a closing brace has the indentation of the line where the signature
 * begins.
 */
function functionProblems(file: RepositoryFile): Problem[] {
  const lines = maskText(file.text).split('\n');
  return lines.flatMap((line, at) => {
    if (!opensFunction(line.trimEnd())) return [];
    const indent = /^\s*/.exec(line)?.[0] ?? '';
    const begin = beginOfSignature(lines, at, indent);
    if (BLOCK.test(lines[begin] ?? '') || TEST_GROUP.test(lines[begin] ?? '')) return [];
    const end = lines.findIndex((text, index) => index > at && text.startsWith(`${indent}}`));
    const count = end - begin + 1;
    if (count <= FUNCTION_LINES_MAX) return [];
    const message = `${count} lines; at most ${FUNCTION_LINES_MAX} a function`;
    return [{ path: file.path, line: begin + 1, message }];
  });
}

/** A signature over several lines ends with `) {` or `): Type {` at the place where it began. */
function beginOfSignature(lines: readonly string[], at: number, indent: string): number {
  if (!lines[at]?.startsWith(`${indent})`)) return at;
  const before = lines.slice(0, at).findLastIndex((line) => {
    return line.startsWith(indent) && /^[^\s)]/.test(line.slice(indent.length));
  });
  return before === -1 ? at : before;
}

export const codeSize: Rule = {
  name: 'code-size',
  why: 'What does not fit on a page is not read before it is changed.',
  check(files) {
    const code = files.filter(({ path }) => isCode(path));
    return code.flatMap((file) => [
      ...fileProblems(file),
      ...columnProblems(file),
      ...functionProblems(file),
    ]);
  },
};
