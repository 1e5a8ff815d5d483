import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { errorCodes } from './error-codes.ts';

const SOURCE = 'libs/contract/src/errors.ts';
const PAGE = 'docs/failure-modes.md';
const source =
  "export const ERROR_CODES = [\n  // Ours.\n  'queue_full',\n  'cancelled',\n] as const;";

test('one heading for each code is fine', () => {
  const page = '# Failure modes\n\n## queue_full\n\ntext\n\n### `cancelled`\n';
  assert.deepEqual(problemsIn(errorCodes, { [SOURCE]: source, [PAGE]: page }), []);
});

test('a code without a heading, a heading without a code and a second heading are problems', () => {
  const page = '# Failure modes\n\n## queue_full\n## queue_ful\n## queue_full\n';
  assert.deepEqual(problemsIn(errorCodes, { [SOURCE]: source, [PAGE]: page }), [
    `${SOURCE}:4 cancelled has no heading in ${PAGE}`,
    `${PAGE}:4 the heading "queue_ful" is no error code`,
    `${PAGE}:5 a second heading for queue_full`,
  ]);
});

test('a missing page, source or list is a problem', () => {
  assert.match(
    problemsIn(errorCodes, { [SOURCE]: source })[0] ?? '',
    /failure-modes.md:1 .*missing/,
  );
  assert.match(problemsIn(errorCodes, { [PAGE]: '' })[0] ?? '', /errors.ts:1 the file is missing/);
  assert.match(problemsIn(errorCodes, { [SOURCE]: '' })[0] ?? '', /no list ERROR_CODES/);
});
