import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { codeFolders } from './code-folders.ts';

const code = { 'libs/pool/src/index.ts': '', 'tools/bootstrap.mjs': '', 'docs/x.md': '' };

test('code in known folders that the map names is fine', () => {
  const map = '| `libs/pool` | the slot pool |\n| `tools/` | scripts |';
  assert.deepEqual(problemsIn(codeFolders, { ...code, 'ARCHITECTURE.md': map }), []);
});

test('a folder without a word in the map, and a longer name that contains it, is a problem', () => {
  const map = 'libs/pool-party is not it, other/libs/pool neither; tools';
  assert.deepEqual(problemsIn(codeFolders, { ...code, 'ARCHITECTURE.md': map }), [
    'ARCHITECTURE.md:1 has no word about libs/pool',
  ]);
});

test('code elsewhere and a missing map are problems', () => {
  const problems = problemsIn(codeFolders, { 'src/index.ts': '', 'main.mjs': '' });
  assert.equal(problems.length, 3);
  assert.match(problems[0] ?? '', /^src\/index.ts:1 code belongs under services\//);
  assert.match(problems[2] ?? '', /^ARCHITECTURE.md:1 the file is missing/);
});
