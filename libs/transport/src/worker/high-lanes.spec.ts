import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { doorbellAgain, doorbellSubject, LANES } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { HighLanes } from './high-lanes.ts';

/** As the connection is used here: open subscriptions, and a way to ring. */
class FakeLink {
  connected = true;
  readonly heard = new Map<string, () => void>();
  readonly connection = {
    subscribe: (subject: string, { callback }: { callback: (error: Error | null) => void }) => {
      this.heard.set(subject, () => {
        this.heard.delete(subject);
        callback(null);
      });
      return { unsubscribe: () => this.heard.delete(subject) };
    },
  };

  ring(lane: 1 | 2 | 3 | 4): void {
    this.heard.get(doorbellSubject('pool', 'high', lane))?.();
  }
}

let nowMs: number;
let link: FakeLink;
let rung: number[];
let lanes: HighLanes;

beforeEach(() => {
  nowMs = 1_000;
  link = new FakeLink();
  rung = [];
  lanes = new HighLanes({
    link: link as unknown as NatsLink,
    pool: 'pool',
    onRing: (lane) => rung.push(lane),
    now: () => nowMs,
  });
});

/** Every lane that is asked is found empty, now and once more when this counts. */
function findAllEmpty(): void {
  for (const lane of lanes.open) lanes.asked(lane, nowMs, true);
  nowMs += 50;
  for (const lane of lanes.open) lanes.asked(lane, nowMs, true);
}

describe('the lanes of high priority', () => {
  it('are all asked at first, and not again soon when they were empty and nobody rings', () => {
    assert.deepEqual(lanes.open, LANES);
    findAllEmpty();
    assert.deepEqual(lanes.open, []);
  });

  it('are asked while what came before their ring was listened to may not be visible yet', () => {
    for (const lane of LANES) lanes.asked(lane, nowMs, true);
    nowMs += 49;
    for (const lane of LANES) lanes.asked(lane, nowMs, true);
    assert.deepEqual(lanes.open, LANES);
  });

  it('are asked again when it rings for them, until they are found empty', () => {
    findAllEmpty();
    link.ring(2);
    assert.deepEqual([lanes.open, rung], [[2], [2]]);
    lanes.asked(2, nowMs, false);
    assert.deepEqual(lanes.open, [2]);
    findAllEmpty();
    assert.deepEqual(lanes.open, []);
  });

  it('are asked again when it rang between a pull and its answer', () => {
    findAllEmpty();
    nowMs += 1_000;
    const askedAtMs = nowMs;
    link.ring(1);
    lanes.asked(1, askedAtMs, true);
    assert.ok(lanes.open.includes(1));
  });

  it('are not listened to while they hold something', () => {
    findAllEmpty();
    link.ring(3);
    lanes.asked(3, nowMs, false);
    assert.ok(!link.heard.has(doorbellSubject('pool', 'high', 3)));
  });

  it('are asked once a second whatever was heard', () => {
    findAllEmpty();
    nowMs += 999;
    assert.deepEqual(lanes.open, []);
    nowMs += 1;
    assert.deepEqual(lanes.open, LANES);
  });

  it("are asked after the worker's own bell: the one that it names, or all", () => {
    findAllEmpty();
    assert.equal(lanes.rang(doorbellSubject('pool', 'normal', 1)), undefined);
    assert.deepEqual(lanes.open, []);
    assert.equal(lanes.rang(doorbellSubject('pool', 'high', 4)), 4);
    assert.deepEqual(lanes.open, [4]);
    lanes.asked(4, nowMs + 49, true);
    assert.deepEqual(lanes.open, [4], 'it may not be visible yet');
    assert.equal(lanes.rang(doorbellAgain('pool')), undefined);
    assert.deepEqual(lanes.open, LANES);
  });

  it('are all asked after the connection was lost: rings were missed', () => {
    findAllEmpty();
    lanes.close();
    assert.deepEqual([lanes.open, [...link.heard]], [LANES, []]);
  });
});
