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
  const log = bench();
  log.nowMs = QUIET_MS - 1;
  log.warmth.tick();
  assert.deepEqual(log.said, []);
  log.nowMs = QUIET_MS;
  log.warmth.tick();
  log.warmth.tick();
  assert.deepEqual(log.said, ['events.gate.warmth']);
  log.nowMs = 2 * QUIET_MS;
  log.warmth.tick();
  assert.equal(log.said.length, 2);
});

test('says nothing while runs speak, nor while NATS is away', () => {
  const log = bench();
  log.nowMs = QUIET_MS;
  log.warmth.heard();
  log.nowMs = 2 * QUIET_MS - 1;
  log.warmth.tick();
  log.nowMs = 3 * QUIET_MS;
  log.connected = false;
  log.warmth.tick();
  assert.deepEqual(log.said, []);
  log.connected = true;
  log.warmth.tick();
  assert.deepEqual(log.said, ['events.gate.warmth']);
});
