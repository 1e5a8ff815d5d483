import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageGate, UNASKED_MAX } from './message-gate.ts';

const request = (id: number) => ({ jsonrpc: '2.0' as const, id, method: 'tools/call' });
const answer = (id: unknown) => JSON.stringify({ jsonrpc: '2.0', id, result: {} });
const notice = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message' });

test('an answer is let in once, and only while its request waits', () => {
  const gate = new MessageGate();
  gate.sent(request(1));
  gate.sent(request(2));
  assert.ok(gate.awaits(1));
  assert.ok(gate.receive(answer(1)));
  assert.equal(gate.receive(answer(1)), undefined);
  // Some servers write numbers as text.
  assert.ok(gate.receive(answer('2')));
  assert.equal(gate.receive(answer(3)), undefined);
  assert.equal(gate.receive(answer(null)), undefined);
  assert.equal(gate.awaits(1), false);
});

test('a request that is given up is forgotten', () => {
  const gate = new MessageGate();
  gate.sent(request(1));
  const params = { requestId: 1 };
  gate.sent({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  assert.equal(gate.receive(answer(1)), undefined);
  assert.equal(gate.giveUp(1, 'lost'), undefined);
});

test('a malformed answer is an error in its place', () => {
  const gate = new MessageGate();
  gate.sent(request(1));
  const message = gate.receive('{"id":1,"result":"what"}');
  assert.ok(message !== undefined && 'error' in message && message.id === 1);
});

test('garbage of every kind is dropped', () => {
  const gate = new MessageGate();
  for (const text of ['', 'log line', '{', '[]', 'null', '{}', '{"id":{}}', '{"method":7}']) {
    assert.equal(gate.receive(text), undefined, text);
  }
  assert.ok(gate.receive(notice));
});

test('what nobody asked for is bounded in a second; answers are not counted', () => {
  let now = 0;
  const gate = new MessageGate(() => now);
  for (let sent = 0; sent < UNASKED_MAX; sent += 1) gate.receive(notice);
  for (let id = 0; id < UNASKED_MAX; id += 1) {
    gate.sent(request(id));
    assert.ok(gate.receive(answer(id)));
  }
  now = 999;
  assert.throws(() => gate.receive('garbage'), { name: 'ServerFault' });
  now = 1_000;
  assert.ok(gate.receive(notice));
});
