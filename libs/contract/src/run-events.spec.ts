import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkEvents, decodeEvents, encodeEvents, isEnd, type RunEvent } from './run-events.ts';

const events: RunEvent[] = [
  { type: 'started', worker: 'w' },
  { type: 'text.delta', text: 'é\u2028"' },
  { type: 'tool.call', index: 0, id: 'c', name: 'f', arguments: '{"a"' },
  { type: 'usage', usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
  { type: 'failed', code: 'worker_lost', message: 'gone' },
];

describe('run events', () => {
  it('come back from the wire as they were sent, and pass their own check', () => {
    const message = { a: 2, n: 7, e: events, l: 1 };
    assert.deepEqual(decodeEvents(encodeEvents(message)), message);
    assert.deepEqual(checkEvents(encodeEvents(message)), message);
  });

  it('are refused by the check when code, number or type is none of ours', () => {
    for (const bad of [
      { a: 1, n: 0, e: [] },
      { a: 1, n: 1, e: [{ type: 'nonsense' }] },
      { a: 1, n: 1, e: [{ type: 'failed', code: 'no_such_code', message: '' }] },
      { n: 1, e: [] },
    ]) {
      assert.throws(() => checkEvents(JSON.stringify(bad)));
    }
  });

  it('know their ends', () => {
    assert.deepEqual(events.map(isEnd), [false, false, false, false, true]);
    assert.ok(isEnd({ type: 'completed', finishReason: 'stop' }));
    assert.ok(isEnd({ type: 'cancelled', reason: 'requested' }));
  });
});
