import { isSpec } from '../code-file.ts';
import { problemsAt } from '../rule.ts';
import type { Rule } from '../rule.ts';
import { maskText } from '../source-text.ts';

const TEST_CALL = /\b(test|it)\s*\(/;
const LEFT_OUT = new RegExp(
  [
    String.raw`\b(?:test|it|describe|suite|t|context)\s*\.\s*(?:skip|only|todo)\b`,
    // Options of a test stand between its name and its function.
    String.raw`\b(?:test|it|describe|suite)\s*\([^{}()]*\{[^{}]*\b(?:skip|only|todo)\s*:`,
  ].join('|'),
  'g',
);

export const wholeSpecs: Rule = {
  name: 'whole-specs',
  why: 'A test that is skipped, or never written, still looks like a guarantee.',
  check: (files) =>
    files
      .filter(({ path }) => isSpec(path))
      .flatMap((file) => {
        const code = maskText(file.text);
        const left = problemsAt(
          file,
          LEFT_OUT,
          () => 'a test that is left out: run it or remove it',
          code,
        );
        if (TEST_CALL.test(code)) return left;
        return [...left, { path: file.path, line: 1, message: 'a spec without a test' }];
      }),
};
