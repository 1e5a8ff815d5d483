import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { judgeAnswers, judgeBounds, judgeMemory } from './soak-judge.ts';
import type { SoakKind, SoakResult } from './soak-request.ts';
import type { Sample } from './soak-sampler.ts';

const MIB = 1_024 ** 2;

function result(
  kind: SoakKind,
  outcome: SoakResult['outcome'],
  sentAtMs: number,
  endedAtMs = sentAtMs + 10,
): SoakResult {
  const stored = undefined;
  return { id: kind, kind, outcome, sentAtMs, endedAtMs, evidence: 'half', stored };
}

function samples(bytes: readonly number[], residentMib: readonly number[] = []): Sample[] {
  return bytes.map((each, index) => ({
    streams: new Map([['EVENTS', each]]),
    residentBytes: new Map([['gateway 1', (residentMib[index] ?? 100) * MIB]]),
  }));
}

describe('the judge of a soak', () => {
  const limit = [{ stream: 'EVENTS', bytes: 100, reached: 0.9 }];

  it('takes a limit that is reached and kept, and nothing above or below', () => {
    assert.deepEqual(judgeBounds(samples([10, 95, 100, 50]), limit).violations, []);
    assert.match(judgeBounds(samples([95, 101]), limit).violations.join(), /held 101 bytes/);
    assert.match(judgeBounds(samples([10, 89]), limit).violations.join(), /never full/);
    assert.match(judgeBounds([], limit).violations.join(), /never full/);
  });

  const bytes = Array.from({ length: 120 }, () => 0);

  it('takes memory that is flat after the warm-up, with a peak here and there', () => {
    const flat = bytes.map((_, second) =>
      second < 20 ? second * 5 : second % 7 === 0 ? 180 : 100,
    );
    assert.deepEqual(judgeMemory(samples(bytes, flat)).violations, []);
  });

  it('finds memory that grows', () => {
    const growing = bytes.map((_, second) => 100 + second / 2);
    assert.match(judgeMemory(samples(bytes, growing)).violations.join(), /gateway 1 grew from/);
  });

  const refusals: readonly SoakResult[] = (
    ['stored response', 'keyed chat', 'large chat'] as const
  ).flatMap((kind) => [
    // Keys are full last, since that refuses large chats too.
    result(kind, 'whole', kind === 'keyed chat' ? 500 : 0, kind === 'keyed chat' ? 600 : 100),
    result(kind, 'full', kind === 'keyed chat' ? 550 : 50),
    result(kind, 'whole', kind === 'keyed chat' ? 700 : 200),
  ]);

  it('takes whole answers, and refusals of what must be kept', () => {
    assert.deepEqual(judgeAnswers(refusals).violations, []);
  });

  it('finds wrong answers, and refusals of what nothing is kept of', () => {
    const wrong = [...refusals, result('background', 'wrong', 0)];
    assert.match(judgeAnswers(wrong).violations.join(), /background: half/);
    const refused = [...refusals, result('chat stream', 'full', 0)];
    assert.match(judgeAnswers(refused).violations.join(), /1 of chat stream were refused/);
  });

  it('wants refusals, answers that end meanwhile, and answers after that', () => {
    const [before, full, later] = refusals;
    assert.ok(before !== undefined && full !== undefined && later !== undefined);
    const rest = refusals.slice(3);
    const found = (...own: readonly SoakResult[]): string =>
      judgeAnswers([...own, ...rest]).violations.join();
    assert.match(found(before, later), /KV_responses: nothing was refused/);
    assert.match(found(full, later), /KV_responses: nothing was seen to end/);
    assert.match(found(before, full), /KV_responses: nothing was taken any more/);
    const keysFull = result('keyed chat', 'full', 10, 20);
    assert.match(found(before, full, later, keysFull), /KV_inputs: nothing was refused/);
  });
});
