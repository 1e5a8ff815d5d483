import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSchema } from './check-schema.ts';

test('a schema that says $async is held against the answer there and then', () => {
  const schema = { $async: true, type: 'number' };
  assert.equal(checkSchema({ schema, text: '7' }), '');
  assert.equal(checkSchema({ schema, text: '"seven"' }), '#/type does not hold');
});

test('a part of a schema that says $async makes it one that cannot be used', () => {
  const later = { $async: true, type: 'number' };
  for (const schema of [{ properties: { later } }, { $defs: { later }, $ref: '#/$defs/later' }]) {
    const problem = checkSchema({ schema, text: '{"later":"seven"}' });
    assert.equal(problem, 'the schema itself cannot be used');
  }
});
