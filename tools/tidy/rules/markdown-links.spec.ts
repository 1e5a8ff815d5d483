import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { markdownLinks } from './markdown-links.ts';

const others = {
  'docs/a.md': '# A page\n\n## `x_y`, again\n\n## Twice\n\n## Twice\n',
  LICENSE: '',
};

test('links to files, folders, headings and the web are fine', () => {
  const text = [
    '[a](docs/a.md) [b](./docs/) ![c](LICENSE) [d](docs/a.md#x_y-again) [e](#top)',
    '[f](https://example.org/none) [g](mailto:a@example.org) [h](docs/a.md#twice-1 "title")',
    '`[i](none.md)`',
    '```md\n[j](none.md)\n```',
    '# Top',
    '[k]: docs/a.md',
  ].join('\n');
  assert.deepEqual(problemsIn(markdownLinks, { 'README.md': text, ...others }), []);
});

test('a link to a file or heading that is not there is a problem', () => {
  const text = '[a](none.md)\n[b](a.md#none)\n[c](../LICENCE)\n[d](#none)\n\n[e]: none.md\n';
  const problems = problemsIn(markdownLinks, { 'docs/b.md': text, ...others });
  assert.deepEqual(
    problems.map((line) => line.replace(/^docs\/b.md:/, '')),
    [
      '1 none.md: there is no docs/none.md',
      '2 a.md#none: docs/a.md has no such heading',
      '3 ../LICENCE: there is no LICENCE',
      '4 #none: docs/b.md has no such heading',
      '6 none.md: there is no docs/none.md',
    ],
  );
});
