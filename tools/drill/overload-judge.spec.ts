import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { ChatOutcome } from './chat-call.ts';
import { outcome, refusal } from './outcomes.ts';
import { judgeOverload, type Overload } from './overload-judge.ts';

const SECONDS = 10;
const CAPACITY = 40;
const UNTIL_MS = SECONDS * 1_000;

/** One after the other, evenly, from `fromMs` on. */
function evenly(
  count: number,
  fromMs: number,
  make: (sentAtMs: number, index: number) => ChatOutcome,
  everyMs = UNTIL_MS / count,
): ChatOutcome[] {
  return Array.from({ length: count }, (_, index) => make(fromMs + index * everyMs, index));
}

/** The capacity is served, twice as many are refused; afterwards four come in a second. */
function overload(different: Partial<Overload> = {}): Overload {
  const served = evenly(SECONDS * CAPACITY, 0, (sentAtMs) => outcome({ sentAtMs }));
  const refused = evenly(SECONDS * CAPACITY * 2, 0, (sentAtMs) => refusal({ sentAtMs }));
  return {
    calls: [...served, ...refused],
    later: evenly(40, UNTIL_MS, (sentAtMs) => outcome({ sentAtMs }), 250),
    fromMs: 0,
    untilMs: UNTIL_MS,
    load: 3,
    capacityPerSecond: CAPACITY,
    deadlineMs: 4_000,
    ...different,
  };
}

/** The good case with each of its calls changed. */
function changed(change: (call: ChatOutcome, index: number) => ChatOutcome): readonly string[] {
  const good = overload();
  return judgeOverload({ ...good, calls: good.calls.map(change) }).violations;
}

describe('an overload', () => {
  it('passes when the slots are busy, the others are told, and newcomers are served', () => {
    const { figures, violations } = judgeOverload(overload());
    assert.deepEqual(violations, []);
    assert.equal(figures['goodput'], '100.0 % of 40 a second');
    assert.equal(figures['normal again after'], '0 ms');
  });

  it('fails when more than one in twenty of what the slots can do was not done in time', () => {
    const late = changed((call, index) =>
      call.status === 200 && index % 16 === 0
        ? { ...call, endedAtMs: call.sentAtMs + 4_100 }
        : call,
    );
    assert.match(late.join('\n'), /^goodput: 93/m);
    const ended = changed((call, index) =>
      call.status === 200 && index % 16 === 0
        ? { ...call, status: 504, code: 'deadline_exceeded' }
        : call,
    );
    assert.match(ended.join('\n'), /^goodput: 93/m);
  });

  it('fails when the accepted wait beyond the deadline', () => {
    const slow = changed((call, index) =>
      call.status === 200 && index % 10 === 0
        ? { ...call, endedAtMs: call.sentAtMs + 4_100 }
        : call,
    );
    assert.match(slow.join('\n'), /^p95 of the accepted: 4100/m);
  });

  it('fails when a refusal is slow or says nothing, or when something else is answered', () => {
    const isRefused = ({ status }: ChatOutcome): boolean => status === 503;
    const slow = changed((call) =>
      isRefused(call) ? { ...call, endedAtMs: call.sentAtMs + 21 } : call,
    );
    assert.match(slow.join('\n'), /^p95 of the refusals: 21 ms/m);
    const mute = changed((call) => (isRefused(call) ? { ...call, retryAfter: undefined } : call));
    assert.equal(mute.length, SECONDS * CAPACITY * 2);
    const strange = changed((call, index) => (index === 0 ? { ...call, status: 500 } : call));
    assert.match(strange.join('\n'), /somebody: 500/);
  });

  it('fails when there was no overload', () => {
    const calls = overload().calls.filter(({ status }) => status === 200);
    const { violations } = judgeOverload(overload({ calls }));
    assert.ok(violations.includes('only 0 were refused'), violations.join());
  });

  it('is over when a newcomer waits no longer than ever, from then on', () => {
    const recovered = (busy: (second: number) => Partial<ChatOutcome>): string[] => {
      const later = overload().later.map((call) => {
        return { ...call, ...busy(Math.floor((call.sentAtMs - UNTIL_MS) / 1_000)) };
      });
      const { figures, violations } = judgeOverload(overload({ later }));
      return [String(figures['normal again after']), ...violations];
    };
    const waitsIn = (busy: (second: number) => boolean) =>
      recovered((second) => (busy(second) ? { queueWaitMs: 80 } : {}));
    assert.deepEqual(
      waitsIn((second) => second < 5),
      ['5000 ms'],
    );
    assert.deepEqual(
      waitsIn((second) => second === 5),
      ['6000 ms', 'recovery: 6000 ms'],
    );
    assert.match(waitsIn(() => true)[1] ?? '', /Infinity/);
    const refused = recovered((second) => (second === 6 ? { status: 503 } : {}));
    assert.match(refused.join(), /recovery/);
  });
});
