import { missing } from '../rule.ts';
import type { Rule } from '../rule.ts';

const PAGE = 'CHANGELOG.md';

export const changelog: Rule = {
  name: 'changelog',
  why: 'A change that is not written down when it is made is not written down at all.',
  check(files) {
    const page = files.find(({ path }) => path === PAGE);
    if (page === undefined) return [missing(PAGE, 'it begins with [Unreleased]')];
    const first = /^## (.*)$/m.exec(page.text)?.[1] ?? '';
    if (first.startsWith('[Unreleased]')) return [];
    return [{ path: PAGE, line: 1, message: 'the first section must be ## [Unreleased]' }];
  },
};
