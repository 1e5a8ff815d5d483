import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { wholeSpecs } from './whole-specs.ts';

const PATH = 'libs/a/src/a.spec.ts';

test('a spec whose tests all run is fine', () => {
  const text = [
    "test('skip: and only: are words', () => { queue.skip(); });",
    '// test.skip(',
    "test('options', { timeout: 5 }, () => { equal(parse(), { only: [] }); });",
  ].join('\n');
  assert.deepEqual(problemsIn(wholeSpecs, { [PATH]: text, 'libs/a/src/a.ts': '' }), []);
});

test('a spec without a test is a problem', () => {
  assert.deepEqual(problemsIn(wholeSpecs, { [PATH]: "// test('later')" }), [
    `${PATH}:1 a spec without a test`,
  ]);
});

test('each way to leave a test out is a problem', () => {
  const ways = ['skip', 'only', 'todo'];
  const texts = ways.flatMap((way) => [
    `test.${way}('a', () => {});`,
    `describe.${way}('a', () => {});`,
    `test('a', { ${way}: true }, () => {});`,
    `test('a', (t) => { t.${way}(); });`,
  ]);
  for (const text of texts) {
    const left = problemsIn(wholeSpecs, { [PATH]: `test('b', () => {});\n${text}` });
    assert.equal(left.length, 1, text);
  }
});
