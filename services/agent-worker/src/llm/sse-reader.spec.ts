import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SseReader } from './sse-reader.ts';

function read(...pieces: Uint8Array[]): string[] {
  const seen: string[] = [];
  const reader = new SseReader((data) => seen.push(data));
  for (const piece of pieces) reader.take(piece);
  reader.end();
  return seen;
}

const bytes = (text: string) => new TextEncoder().encode(text);

test('events end at a blank line, with any line ending, with or without the space', () => {
  assert.deepEqual(read(bytes('data: a\n\ndata:b\r\n\r\ndata:  c\n\n')), ['a', 'b', ' c']);
});

test('comments, other fields and empty events say nothing', () => {
  const text = ': waiting\n\nevent: message\nid: 1\nretry: 5\ndata: a\n\n\n\n: more\n\n';
  assert.deepEqual(read(bytes(text)), ['a']);
});

test('several lines of data are one event', () => {
  assert.deepEqual(read(bytes('data: {\ndata: }\n\n')), ['{\n}']);
});

test('a last event without its blank line, or even its line end, still counts', () => {
  assert.deepEqual(read(bytes('data: a\n\ndata: b\n')), ['a', 'b']);
  assert.deepEqual(read(bytes('data: a\n\ndata: b')), ['a', 'b']);
});

test('an event that never ends is refused before it fills the memory', () => {
  const piece = bytes('x'.repeat(1024 * 1024));
  assert.throws(() => read(bytes('data: '), ...Array.from({ length: 8 }, () => piece)), {
    code: 'provider_bad_response',
  });
  const lines = bytes(`data: ${'x'.repeat(1024 * 1024)}\n`);
  assert.throws(() => read(...Array.from({ length: 8 }, () => lines)), {
    code: 'provider_bad_response',
  });
});

test('wherever the network cuts the bytes, the events are the same', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n]/.test(text));
  const ending = fc.constantFrom('\n', '\r\n');
  const property = fc.property(
    fc.array(line, { maxLength: 10 }),
    ending,
    fc.array(fc.nat({ max: 400 }), { maxLength: 20 }),
    (lines, end, cuts) => {
      const whole = bytes(lines.map((text) => `data: ${text}${end}${end}`).join(''));
      const places = [0, ...cuts.filter((cut) => cut < whole.length).toSorted((a, b) => a - b)];
      const pieces = places.map((from, index) => whole.slice(from, places[index + 1]));
      assert.deepEqual(read(...pieces), lines);
    },
  );
  // A failure prints its seed.
  fc.assert(property, { numRuns: 500 });
});
