import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileWeight } from './file-weight.ts';

test('a file of up to 500 KB is fine, a larger one is a problem', () => {
  const files = [
    { path: 'a.json', text: '', sizeBytes: 500_000 },
    { path: 'b.json', text: '', sizeBytes: 500_001 },
  ];
  assert.deepEqual(
    fileWeight.check(files).map(({ path }) => path),
    ['b.json'],
  );
});
