import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NatsLink } from '../link/nats-link.ts';
import { LogWarmth, QUIET_MS } from './log-warmth.ts';

interface Bench {
  nowMs: number;
  connected: boolean;
  readonly said: string[];
  readonly warmth: LogWarmth;
}

function bench(): Bench {
  const said: string[] = [];
  const connection = { publish: (subject: string) => void said.push(subject) };
  const state = { nowMs: 0, connected: true, said };
  const link = {
    get connected() {
      return state.connected;
    },
    connection,
  } as unknown as NatsLink;
  const warmth = new LogWarmth(link, { gateway: 'gate', now: () => state.nowMs });
  return Object.assign(state, { warmth });
}

test('says a word when the log has been quiet for long, and then not until it was again', () => {
  const it = bench();
  it.nowMs = QUIET_MS - 1;
  it.warmth.tick();
  assert.deepEqual(it.said, []);
  it.nowMs = QUIET_MS;
  it.warmth.tick();
  it.warmth.tick();
  assert.deepEqual(it.said, ['events.gate.warmth']);
  it.nowMs = 2 * QUIET_MS;
  it.warmth.tick();
  assert.equal(it.said.length, 2);
});

test('says nothing while runs speak, nor while NATS is away', () => {
  const it = bench();
  it.nowMs = QUIET_MS;
  it.warmth.heard();
  it.nowMs = 2 * QUIET_MS - 1;
  it.warmth.tick();
  it.nowMs = 3 * QUIET_MS;
  it.connected = false;
  it.warmth.tick();
  assert.deepEqual(it.said, []);
  it.connected = true;
  it.warmth.tick();
  assert.deepEqual(it.said, ['events.gate.warmth']);
});
