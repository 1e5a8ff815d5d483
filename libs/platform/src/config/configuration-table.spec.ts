import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationTable } from './configuration-table.ts';
import * as option from './options.ts';
import { defineOptions } from './read-config.ts';

test('the table has a row for each option, and one more for the file of a secret', () => {
  const options = defineOptions({
    MAX_BODY_BYTES: option.bytes({ doc: 'a | b', default: 4_194_304, min: 1, max: 8_388_608 }),
    NAME: option.string({ doc: 'Name.', default: 'x', defaultText: 'host name' }),
    KEY: option.secret({ doc: 'Key.', required: true }),
  });
  const lines = configurationTable(options)
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));
  assert.deepEqual(lines.toSpliced(1, 1), [
    '| Variable | Default | Value | What it does |',
    '| `MAX_BODY_BYTES` | `4MiB` | bytes (or KiB, MiB, GiB) from 1 to 8MiB | a \\| b |',
    '| `NAME` | `host name` | text | Name. |',
    '| `KEY` | (required) | a secret | Key. |',
    '| `KEY_FILE` | | a path | File that holds `KEY`. |',
  ]);
});

test('columns are aligned, as the formatter wants them', () => {
  const options = defineOptions({ A: option.port({ doc: 'Long sentence.', default: 1 }) });
  const lines = configurationTable(options).split('\n');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[1] ?? '', /^\| -+ \| -+ \| -+ \| -+ \|$/);
});
