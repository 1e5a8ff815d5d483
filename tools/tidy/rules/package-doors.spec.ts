import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { packageDoors } from './package-doors.ts';

const packages = {
  'package.json': '{ "name": "root" }',
  'libs/a/package.json': '{ "name": "@switchboard/a", "exports": { ".": "./x.js" } }',
  'libs/b/package.json': '{ "name": "@switchboard/b", "exports": { "./c": { "default": "x" } } }',
};

test('imports through named doors, and within a package, are fine', () => {
  const text = [
    "import '@switchboard/a';",
    "import '@switchboard/b/c';",
    "import '../x.ts';",
    "import 'zod';",
  ].join('\n');
  assert.deepEqual(problemsIn(packageDoors, { ...packages, 'libs/a/src/index.ts': text }), []);
});

test('a deep import, a closed door, an unknown package and a way around are problems', () => {
  const text = [
    "import '@switchboard/a/src/x.ts';",
    "import '@switchboard/b';",
    "import '@switchboard/none';",
    "import '../../a/src/x.ts';",
    "import '../../../../outside.ts';",
  ].join('\n');
  const problems = problemsIn(packageDoors, { ...packages, 'libs/b/src/index.ts': text });
  assert.deepEqual(
    problems.map((line) => line.split(' ')[0]),
    [1, 2, 3, 4, 5].map((line) => `libs/b/src/index.ts:${line}`),
  );
});

test('a shared package without exports, or with a pattern in them, is a problem', () => {
  const problems = problemsIn(packageDoors, {
    'libs/a/package.json': '{ "name": "@switchboard/a" }',
    'libs/b/package.json': '{ "name": "@switchboard/b", "exports": { "./*": "./src/*.js" } }',
    'tools/c/package.json': '{ "name": "@switchboard/c" }',
  });
  assert.equal(problems.length, 2);
  assert.match(problems[1] ?? '', /libs\/b\/package.json:1 the export "\.\/\*"/);
});
