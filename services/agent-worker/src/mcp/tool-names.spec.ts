import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { distinctName, toolName } from './tool-names.ts';

test('every name is one that model endpoints allow', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w-]{1,64}$/), fc.string({ minLength: 1 }), (server, tool) => {
      assert.match(toolName(server, tool), /^[A-Za-z0-9_-]{1,64}$/);
      assert.match(distinctName(server, tool), /^[A-Za-z0-9_-]{1,64}$/);
    }),
  );
});

test('long names that begin alike stay apart', () => {
  const long = 'tool'.repeat(30);
  assert.notEqual(toolName('files', `${long}1`), toolName('files', `${long}2`));
  assert.equal(toolName('files', 'read_file'), 'files_read_file');
});

test('names that are written alike can be told apart', () => {
  assert.equal(toolName('a', 'b_c'), toolName('a_b', 'c'));
  assert.notEqual(distinctName('a', 'b_c'), distinctName('a_b', 'c'));
  assert.notEqual(distinctName('a', 'x.y'), distinctName('a', 'x_y'));
});
