import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NatsLink } from '../link/nats-link.ts';
import { LaterReturns } from './later-returns.ts';

const delayMs = (nak: string): number =>
  (JSON.parse(nak.slice('-NAK '.length)) as { delay: number }).delay / 1_000_000;

test('what is to come again later is given back together at full seconds, due at full seconds', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 10_300 });
  const sent: { reply: string; dueAtMs: number; atMs: number }[] = [];
  const connection = {
    publish: (reply: string, nak: string) =>
      sent.push({ reply, dueAtMs: Date.now() + delayMs(nak), atMs: Date.now() }),
  };
  const later = new LaterReturns({ connected: true, connection } as unknown as NatsLink);
  later.add('a', 2_000);
  t.mock.timers.tick(400);
  later.add('b', 5_000);
  t.mock.timers.tick(299);
  assert.deepEqual(sent, []);
  t.mock.timers.tick(1);
  assert.deepEqual(sent, [
    { reply: 'a', dueAtMs: 13_000, atMs: 11_000 },
    { reply: 'b', dueAtMs: 16_000, atMs: 11_000 },
  ]);
  later.add('c', 1_000);
  later.flush();
  assert.deepEqual(sent.at(-1), { reply: 'c', dueAtMs: 12_000, atMs: 11_000 });
  t.mock.timers.tick(5_000);
  assert.equal(sent.length, 3, 'each once');
});
