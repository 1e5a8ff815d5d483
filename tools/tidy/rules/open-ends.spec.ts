import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { openEnds } from './open-ends.ts';

test('each mark of unfinished work is a problem, in code and in documents', () => {
  const marks = [['TO', 'DO'].join(''), ['FIX', 'ME'].join(''), 'X'.repeat(3)];
  for (const mark of marks) {
    const problems = problemsIn(openEnds, { 'a.ts': `x\n// ${mark}: later`, 'b.md': mark });
    assert.equal(problems.length, 2);
    assert.match(problems[0] ?? '', /^a.ts:2 /);
  }
});

test('words that only contain or resemble a mark are fine', () => {
  const text = `methodology, todo lists, mktemp ${'X'.repeat(6)}`;
  assert.deepEqual(problemsIn(openEnds, { 'a.md': text }), []);
});
