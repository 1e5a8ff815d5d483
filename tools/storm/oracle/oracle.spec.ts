/** Each promise of the storm, kept and broken by hand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { RunEnd } from '@switchboard/contract';

import { type ChatPlan, textOf } from '../chat-plan.ts';
import type { ClientOutcome } from '../client.ts';
import { type Fault, Ledger, type ModelCall } from '../ledger.ts';
import { checkAnswers } from './answers.ts';
import { checkBound } from './bound.ts';
import { checkEnds } from './ends.ts';
import { checkGone } from './gone.ts';
import { idleWhileWaiting } from './idle.ts';
import { checkOverlaps, findOverlaps } from './overlaps.ts';
import { checkRefusals } from './refusals.ts';

const COMPLETED: RunEnd = { type: 'completed', finishReason: 'stop' };
const GONE: RunEnd = { type: 'cancelled', reason: 'client_gone' };

interface Story {
  readonly outcome?: ClientOutcome;
  readonly text?: string;
  readonly ends?: readonly RunEnd[];
  readonly storedAtMs?: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly leftAtMs?: number;
  readonly worker?: string;
  readonly calls?: readonly Partial<ModelCall>[];
  readonly user?: string;
}

/** A request that went well, but for what the story says. */
function tell(ledger: Ledger, id: string, story: Story = {}): void {
  const { storedAtMs = 1_000, startedAtMs = 1_002, endedAtMs = 1_500, worker = 'w1' } = story;
  const plan: ChatPlan = {
    id,
    user: story.user ?? 'user',
    model: 'sim/think=0',
    stream: true,
    prompt: textOf(id, 3),
    text: textOf(id, 3),
    serviceMs: 0,
    leaveAfterMs: undefined,
  };
  const outcome = story.outcome ?? { kind: 'completed' };
  const text = story.text ?? plan.text;
  const times = { sentAtMs: storedAtMs - 5, leftAtMs: story.leftAtMs, endedAtMs: endedAtMs + 5 };
  const result = { outcome, text, run: `run-${id}`, ...times };
  ledger.chats.set(id, { plan, gateway: 'gateway 1', sentAtMs: storedAtMs - 5, result });
  const refused = story.ends?.length === 0 && outcome.kind === 'failed';
  if (!refused) {
    const run = ledger.run(`run-${id}`);
    Object.assign(run, { request: id, storedAtMs });
    run.claims.push({ attempt: 1, worker: `${worker}:x`, atMs: startedAtMs });
    for (const end of story.ends ?? [COMPLETED]) {
      run.ends.push({ seq: run.ends.length + 1, atMs: endedAtMs, attempt: 1, end });
    }
  }
  const calls = story.calls ?? [{ startedAtMs: startedAtMs + 2, endedAtMs: endedAtMs - 2 }];
  const whole = { request: id, tokens: 3, outcome: 'finished' as const };
  ledger.takeCalls(calls.map((call) => ({ startedAtMs: 0, endedAtMs: null, ...whole, ...call })));
}

function ledgerOf(stories: Readonly<Record<string, Story>>, faults: readonly Fault[] = []): Ledger {
  const ledger = new Ledger();
  for (const [id, story] of Object.entries(stories)) tell(ledger, id, story);
  ledger.faults.push(...faults);
  ledger.workers.push({ name: 'w1', slots: 2, fromMs: 0, untilMs: Infinity });
  return ledger;
}

const fault = (kind: Fault['kind'], fromMs: number, restoredAtMs: number): Fault => ({
  kind,
  target: 'w1',
  fromMs,
  restoredAtMs,
  recoveredAtMs: restoredAtMs,
});

describe('the oracle of the storm', () => {
  it('has nothing against requests that went well', () => {
    const ledger = ledgerOf({ a: {}, b: { ends: [GONE], outcome: { kind: 'left' } } });
    const checks = [checkEnds, checkOverlaps, checkAnswers, checkGone];
    assert.deepEqual(
      checks.flatMap((check) => check(ledger)),
      [],
    );
    assert.deepEqual(checkBound(ledger), { maxRunning: 2, violations: [] });
    assert.deepEqual(checkRefusals(ledger, 8), { violations: [], duringFaults: [] });
  });

  it('sees a run with no end, with two, and with one that the client did not see', () => {
    const code = 'idle_timeout';
    const failed: RunEnd = { type: 'failed', code, message: '' };
    const wrong: Record<string, Story> = {
      none: { ends: [], outcome: { kind: 'left' } },
      two: { ends: [GONE, COMPLETED], outcome: { kind: 'left' } },
      unseen: { ends: [GONE] },
      otherCode: { ends: [failed], outcome: { kind: 'failed', code: 'run_timeout', status: 504 } },
      hung: { outcome: { kind: 'hung' } },
      lostAnswer: { outcome: { kind: 'failed', code: 'queue_unavailable', status: 503 } },
    };
    for (const [name, story] of Object.entries(wrong)) {
      assert.equal(checkEnds(ledgerOf({ [name]: story })).length, 1, name);
    }
    const right: Record<string, Story> = {
      sameCode: { ends: [failed], outcome: { kind: 'failed', code, status: 504 } },
      refused: { ends: [], outcome: { kind: 'failed', code: 'queue_full', status: 503 } },
      undone: { ends: [GONE], outcome: { kind: 'failed', code: 'queue_unavailable', status: 503 } },
    };
    assert.deepEqual(checkEnds(ledgerOf(right)), []);
  });

  it('sees an answer with a gap, a repeat or a missing end', () => {
    for (const text of ['a.0 a.2', 'a.0 a.0 a.1 a.2', 'a.0 a.1', '']) {
      assert.equal(checkAnswers(ledgerOf({ a: { text } })).length, 1, text);
    }
    const broken = { outcome: { kind: 'broken' }, text: 'a.0 a.' } as const;
    assert.deepEqual(checkAnswers(ledgerOf({ a: broken })), []);
  });

  it('sees a run that is executed twice at the same time, but for a worker that cannot know', () => {
    const calls = [
      { startedAtMs: 1_004, endedAtMs: 20_000 },
      { startedAtMs: 18_000, endedAtMs: 21_000 },
    ];
    const twice = { calls, endedAtMs: 21_000 };
    assert.equal(checkOverlaps(ledgerOf({ a: twice })).length, 1);
    const stopped = ledgerOf({ a: twice }, [fault('worker-stop', 1_100, 19_500)]);
    assert.deepEqual(checkOverlaps(stopped), []);
    assert.equal(findOverlaps(stopped).length, 1);
    const elsewhere = ledgerOf({ a: { ...twice, worker: 'w2' } }, stopped.faults);
    assert.equal(checkOverlaps(elsewhere).length, 1);
    const cutForLong = ledgerOf({ a: twice }, [fault('worker-cut', 1_100, 19_500)]);
    assert.equal(checkOverlaps(cutForLong).length, 1, 'the lease ran out long before');
  });

  it('sees more calls at once than there are slots', () => {
    assert.equal(checkBound(ledgerOf({ a: {}, b: {}, c: {} })).violations.length, 1);
  });

  it('sees a 429 of a user below the cap, but not of one at the cap', () => {
    const code = 'too_many_outstanding';
    const refused: Story = { ends: [], calls: [], outcome: { kind: 'failed', code, status: 429 } };
    const below = ledgerOf({ a: {}, refused });
    assert.equal(checkRefusals(below, 2).violations.length, 1);
    assert.equal(checkRefusals(ledgerOf({ a: {}, b: {}, refused }), 2).violations.length, 0);
    const other = ledgerOf({ a: {}, b: { user: 'another' }, refused });
    assert.equal(checkRefusals(other, 2).violations.length, 1);
    const away = ledgerOf({ a: {}, refused }, [fault('nats-kill', 900, 1_600)]);
    assert.equal(checkRefusals(away, 2).violations.length, 0);
    assert.equal(checkRefusals(away, 2).duringFaults.length, 1);
  });

  it('measures how long a slot was idle while a request waited, away from faults', () => {
    const stories = {
      a: {},
      b: {},
      late: { storedAtMs: 1_400, startedAtMs: 1_530, endedAtMs: 1_600 },
    };
    const within = { fromMs: 0, untilMs: 10_000 };
    const found = idleWhileWaiting(ledgerOf(stories), within, 2);
    // Both wait 2 ms at first; the third one waits from 1,400, but slots are idle from 1,500 on.
    assert.deepEqual(
      found.map(({ ms }) => ms),
      [2, 30],
    );
    const faults = [fault('worker-kill', 2_000, 3_000)];
    assert.deepEqual(idleWhileWaiting(ledgerOf(stories, faults), within, 2), []);
  });

  it('sees a model that works on for more than a second after the client has left', () => {
    const left = { ends: [GONE], outcome: { kind: 'left' }, leftAtMs: 1_400 } as const;
    assert.deepEqual(checkGone(ledgerOf({ a: left })), []);
    const calls = [{ startedAtMs: 1_004, endedAtMs: 2_500 }];
    assert.equal(checkGone(ledgerOf({ a: { ...left, calls } })).length, 1);
    const never = [{ startedAtMs: 1_004, endedAtMs: null }];
    assert.equal(checkGone(ledgerOf({ a: { ...left, calls: never } })).length, 1);
  });
});
