import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from './report.ts';
import { FILE_RULES } from './rules/index.ts';
import { sample } from './sample.ts';

test('problems are one line each, by path and line', () => {
  const rule = (name: string, ...places: [string, number][]) => ({
    name,
    why: '',
    check: () => places.map(([path, line]) => ({ path, line, message: 'm' })),
  });
  const rules = [rule('two', ['b', 1], ['a', 10], ['a', 9]), rule('one', ['b', 1])];
  assert.deepEqual(report(rules, sample({})), [
    'a:9 two: m',
    'a:10 two: m',
    'b:1 one: m',
    'b:1 two: m',
  ]);
});

test('each rule has a name of its own and a reason', () => {
  assert.equal(new Set(FILE_RULES.map(({ name }) => name)).size, FILE_RULES.length);
  for (const { name, why } of FILE_RULES) assert.match(why, /^[A-Z].*\.$/, name);
});
