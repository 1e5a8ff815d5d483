import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LineReader } from './line-reader.ts';

test('lines are the same however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }).filter((line) => !/[\r\n]/.test(line))),
      fc.integer({ min: 1, max: 7 }),
      (lines, size) => {
        const seen: string[] = [];
        const reader = new LineReader(10_000, (line) => seen.push(line));
        const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
        for (let at = 0; at < bytes.length; at += size) {
          assert.ok(reader.take(bytes.subarray(at, at + size)));
        }
        assert.deepEqual(seen, lines);
      },
    ),
  );
});

test('a line of the longest length is taken, and one that is longer is not, in any pieces', () => {
  for (const size of [1, 3, 5_000]) {
    const seen: string[] = [];
    const reader = new LineReader(3_000, (line) => seen.push(line));
    const take = (text: string): boolean => {
      const bytes = Buffer.from(text);
      let fine = true;
      for (let at = 0; at < bytes.length && fine; at += size) {
        fine = reader.take(bytes.subarray(at, at + size));
      }
      return fine;
    };
    assert.equal(take(`${'x'.repeat(3_000)}\n`), true);
    // Before its end has come, which it may never do.
    assert.equal(take('x'.repeat(3_001)), false);
    assert.equal(take(`${'x'.repeat(3_001)}\n`), false);
    assert.deepEqual(seen, ['x'.repeat(3_000)]);
  }
});
