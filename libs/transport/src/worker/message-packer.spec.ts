import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkEvents, type RunEnd, type RunEvent } from '@switchboard/contract';
import { MESSAGE_CHARS_MAX, MESSAGE_EVENTS_MAX } from './event-parts.ts';
import { MessagePacker } from './message-packer.ts';

const COMPLETED: RunEnd = { type: 'completed', finishReason: 'stop' };
const MAX_BYTES = 1_000_000;
const word = (text: string): RunEvent => ({ type: 'text.delta', text });
const call = (chars: number): RunEvent => ({
  type: 'tool.call',
  index: 0,
  name: 'x'.repeat(chars),
});

function begun(): MessagePacker {
  const packer = new MessagePacker((data) => Buffer.byteLength(data) <= MAX_BYTES);
  packer.begin({ attempt: 3, lostBefore: 1, next: 2 });
  return packer;
}

describe('the messages of a run', () => {
  it('number the events on, and say which attempt it is', () => {
    const packer = begun();
    for (let index = 0; index < 3; index++) packer.add(word(`${index}`));
    assert.deepEqual(packer.takeAll().map(checkEvents), [
      { a: 3, n: 2, l: 1, e: [word('0'), word('1'), word('2')] },
    ]);
    assert.deepEqual(checkEvents(packer.heartbeat()), { a: 3, n: 5, l: 1, e: [] });
    assert.deepEqual(checkEvents(packer.handBack()), { a: 3, n: 5, l: 1, e: [], back: true });
    packer.add(word('3'));
    const { before, last } = packer.takeEnd(COMPLETED);
    assert.deepEqual(before, []);
    assert.deepEqual(checkEvents(last), { a: 3, n: 5, l: 1, e: [word('3'), COMPLETED] });
  });

  it('hold no more than one message may, whatever waits', () => {
    const packer = begun();
    const count = MESSAGE_EVENTS_MAX * 2 + 1;
    for (let index = 0; index < count; index++) packer.add(word(`${index}`));
    assert.ok(packer.isFull);
    for (let index = 0; index < 5; index++) packer.add(call(MESSAGE_CHARS_MAX / 2));
    const messages = packer.takeAll();
    assert.ok(messages.every((data) => data.length < MESSAGE_CHARS_MAX * 1.1));
    const events = messages.flatMap((data) => checkEvents(data).e);
    assert.equal(events.length, count + 5);
    let next = 2;
    for (const data of messages) {
      const { n, e } = checkEvents(data);
      assert.equal(n, next);
      assert.ok(e.length <= MESSAGE_EVENTS_MAX);
      next += e.length;
    }
  });

  it('refuse an event that no message can carry', () => {
    const packer = begun();
    assert.throws(() => packer.add(call(MAX_BYTES)), { code: 'provider_bad_response' });
  });

  it('give the end a message of its own when the last words leave no room for it', () => {
    const packer = begun();
    packer.add(call(MAX_BYTES * 0.9));
    const long: RunEnd = { ...COMPLETED, systemFingerprint: 'f'.repeat(MAX_BYTES * 0.2) };
    const { before, last } = packer.takeEnd(long);
    assert.equal(before.length, 1);
    assert.deepEqual(checkEvents(last), { a: 3, n: 3, l: 1, e: [long] });
  });

  it('turn an end that no message can carry into a failure that says so', () => {
    const packer = begun();
    packer.add(word('said before'));
    const { before, last } = packer.takeEnd({ ...COMPLETED, model: 'm'.repeat(MAX_BYTES) });
    assert.deepEqual(
      before.map((data) => checkEvents(data).e),
      [[word('said before')]],
    );
    const { n, e } = checkEvents(last);
    assert.equal(n, 3);
    assert.ok(e[0]?.type === 'failed' && e[0].code === 'provider_bad_response');
  });
});
