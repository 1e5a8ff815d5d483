import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { changelog } from './changelog.ts';

const PAGE = 'CHANGELOG.md';

test('a changelog that begins with the unreleased changes is fine', () => {
  const page = '# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n';
  assert.deepEqual(problemsIn(changelog, { [PAGE]: page }), []);
});

test('a changelog without them on top, or none at all, is a problem', () => {
  assert.equal(problemsIn(changelog, { [PAGE]: '## [0.1.0]\n\n## [Unreleased]\n' }).length, 1);
  assert.equal(problemsIn(changelog, { [PAGE]: '# Changelog\n' }).length, 1);
  assert.match(problemsIn(changelog, {})[0] ?? '', /CHANGELOG.md:1 the file is missing/);
});
