import { lineAt, missing } from '../rule.ts';
import type { Problem, Rule } from '../rule.ts';

const SOURCE = 'libs/contract/src/errors.ts';
const PAGE = 'docs/failure-modes.md';

/** The strings of the list ERROR_CODES, with the place of each. */
function codesOf(text: string): Map<string, number> {
  const list = /ERROR_CODES = \[([\s\S]*?)\] as const/.exec(text);
  const begin = list === null ? 0 : list.index;
  const found = [...(list?.[0] ?? '').matchAll(/'([a-z0-9_]+)'/g)];
  return new Map(found.map((match) => [match[1] ?? '', lineAt(text, begin + match.index)]));
}

/** Headings below the title, without backticks, with their lines. */
function headingsOf(text: string): { name: string; line: number }[] {
  return text.split('\n').flatMap((line, at) => {
    const name = /^#{2,6}\s+(.*?)\s*$/.exec(line)?.[1]?.replaceAll('`', '');
    return name === undefined ? [] : [{ name, line: at + 1 }];
  });
}

export const errorCodes: Rule = {
  name: 'error-codes',
  why: 'Who is shown an error code must find its cause and cure, and no advice on codes long gone.',
  check(files) {
    const source = files.find(({ path }) => path === SOURCE);
    if (source === undefined) return [missing(SOURCE, 'it declares ERROR_CODES')];
    const codes = codesOf(source.text);
    if (codes.size === 0) return [{ path: SOURCE, line: 1, message: 'no list ERROR_CODES found' }];
    const page = files.find(({ path }) => path === PAGE);
    if (page === undefined) return [missing(PAGE, 'it has one heading for each error code')];
    const headings = headingsOf(page.text);
    const problems: Problem[] = [];
    for (const [code, line] of codes) {
      if (headings.some(({ name }) => name === code)) continue;
      problems.push({ path: SOURCE, line, message: `${code} has no heading in ${PAGE}` });
    }
    for (const [at, { name, line }] of headings.entries()) {
      if (!codes.has(name)) {
        problems.push({ path: PAGE, line, message: `the heading "${name}" is no error code` });
      } else if (headings.findIndex((other) => other.name === name) < at) {
        problems.push({ path: PAGE, line, message: `a second heading for ${name}` });
      }
    }
    return problems;
  },
};
