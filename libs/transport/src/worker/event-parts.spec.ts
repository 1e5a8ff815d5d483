import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import fc from 'fast-check';
import { toParts } from './event-parts.ts';

const parse = (event: RunEvent) =>
  toParts(event).map((json) => JSON.parse(json) as { text?: string; arguments?: string });

describe('toParts', () => {
  it('leaves an ordinary event whole', () => {
    assert.deepEqual(toParts({ type: 'text.delta', text: 'hi' }), [
      '{"type":"text.delta","text":"hi"}',
    ]);
  });

  it('cuts a long text into bounded parts that add up to it and divide no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.nat(3), (unit, extra) => {
        const text = unit.repeat(Math.ceil(70_000 / Math.max(unit.length, 1)) + extra);
        const parts = parse({ type: 'text.delta', text }).map((part) => part.text ?? '');
        assert.equal(parts.join(''), text);
        assert.ok(parts.every((part) => part.length <= 65_536 && part.isWellFormed()));
      }),
      { numRuns: 30 },
    );
  });

  it('names a tool call in its first part only', () => {
    const text = 'x'.repeat(200_000);
    const parts = parse({ type: 'tool.call', index: 2, id: 'c', name: 'f', arguments: text });
    assert.deepEqual(
      { ...parts[0], arguments: '' },
      {
        type: 'tool.call',
        index: 2,
        id: 'c',
        name: 'f',
        arguments: '',
      },
    );
    assert.deepEqual(
      { ...parts[1], arguments: '' },
      { type: 'tool.call', index: 2, arguments: '' },
    );
    assert.equal(parts.map((part) => part.arguments).join(''), text);
  });
});
