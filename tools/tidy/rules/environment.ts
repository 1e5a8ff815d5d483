import { isCode, isTest } from '../code-file.ts';
import { problemsAt } from '../rule.ts';
import type { Rule } from '../rule.ts';
import { maskText } from '../source-text.ts';

/** The config of a service, tools, tests with their kit (for the seed), and what users write. */
function mayRead(path: string): boolean {
  return (
    /^services\/[^/]+\/src\/config\.ts$|^(tools|test|examples|libs\/testkit)\//.test(path) ||
    isTest(path)
  );
}

const READS =
  /\bprocess\s*\.\s*env\b|\bprocess\s*\[|\{[^}]*\benv\b[^}]*\}\s*(=\s*process\b|from\s)/g;

export const environment: Rule = {
  name: 'environment',
  why: 'An option that is read in the middle of the code is neither checked nor documented.',
  check: (files) =>
    files
      .filter(({ path }) => isCode(path) && !mayRead(path))
      .flatMap((file) =>
        problemsAt(
          file,
          READS,
          () => 'only config.ts of a service reads the environment; pass the value as an argument',
          maskText(file.text),
        ),
      ),
};
