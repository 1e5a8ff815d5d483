import { missing } from '../rule.ts';
import type { Problem, Rule } from '../rule.ts';

export const PAGE = 'docs/configuration.md';
const COMMAND = 'run node tools/tidy/write-configuration.ts';

/**
 * Compares the page with what the declarations give now. `expected` is undefined when they could
 * not be read; `problems` says why.
 */
export function configurationPage(
  expected: string | undefined,
  problems: readonly Problem[] = [],
): Rule {
  return {
    name: 'configuration-page',
    why: 'An option that the documentation lacks does not exist for those who operate it.',
    check(files) {
      const page = files.find(({ path }) => path === PAGE);
      if (page === undefined) return [...problems, missing(PAGE, COMMAND)];
      if (expected === undefined || page.text === expected) return [...problems];
      const lines = expected.split('\n');
      const at = page.text.split('\n').findIndex((line, index) => line !== lines[index]);
      const line = at === -1 ? lines.length : at + 1;
      const message = `is not what the declarations give; ${COMMAND}`;
      return [...problems, { path: PAGE, line, message }];
    },
  };
}
