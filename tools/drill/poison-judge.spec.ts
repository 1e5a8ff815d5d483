import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  backAfterMs,
  type JournalEntry,
  type PoisonStory,
  problemsOf,
  type WorkerLoss,
} from './poison-judge.ts';

const PILL = 'poison-exits-1';

function begins(id: string, attempt: number, pid: number, atMs: number): JournalEntry {
  return { what: 'begins', id, attempt, pid, atMs };
}

function loss(pid: number, atMs: number, how = 'exit code 1'): WorkerLoss {
  return { pid, how, atMs, backAtMs: atMs + 2_000 };
}

/** One pill, and an innocent that was beside it twice. */
const good: PoisonStory = {
  calls: [
    { id: PILL, agent: 'poison/exits', status: 502, code: 'too_many_attempts' },
    { id: 'quiet-2', agent: 'quiet', status: 200, code: undefined },
    { id: 'talking-3', agent: 'talking', status: 502, code: 'worker_lost' },
  ],
  journal: [
    begins('quiet-2', 1, 11, 900),
    begins(PILL, 1, 11, 1_000),
    begins('talking-3', 1, 11, 1_100),
    begins(PILL, 2, 12, 20_000),
    begins('quiet-2', 2, 12, 20_500),
    begins(PILL, 3, 13, 40_000),
    begins('quiet-2', 3, 14, 40_500),
    { what: 'ends', id: 'quiet-2', attempt: 3, pid: 14, atMs: 43_500 },
  ],
  losses: [loss(11, 2_000), loss(12, 21_000), loss(13, 41_000)],
  deadLetters: 1,
};

const without = (id: string): PoisonStory['calls'] => good.calls.filter((call) => call.id !== id);

describe('the judge of poisons', () => {
  it('finds nothing where each poison cost three workers and no other request', () => {
    assert.deepEqual(problemsOf(good), []);
    assert.deepEqual(backAfterMs(good), [3_000, 3_000, 3_000]);
  });

  it('lets a worker go that had drained', () => {
    const losses = [...good.losses, loss(14, 50_000, 'exit code 75')];
    assert.deepEqual(problemsOf({ ...good, losses }), []);
  });

  const bad: readonly (readonly [string, Partial<PoisonStory>, RegExp])[] = [
    [
      'an innocent that fails although it had shown nothing',
      {
        calls: [
          ...without('quiet-2'),
          { id: 'quiet-2', agent: 'quiet', status: 502, code: 'worker_lost' },
        ],
      },
      /quiet-2 .* worker_lost/,
    ],
    [
      'an innocent that is given up',
      {
        calls: [
          ...without('talking-3'),
          { id: 'talking-3', agent: 'talking', status: 502, code: 'too_many_attempts' },
        ],
      },
      /talking-3 .* too_many_attempts/,
    ],
    [
      'a poison that is begun a fourth time',
      { journal: [...good.journal, begins(PILL, 4, 15, 60_000)] },
      /begun 4 times/,
    ],
    ['a dead letter too many', { deadLetters: 2 }, /2 dead letters of 1/],
    [
      'a run beside one that has to be alone',
      { journal: [...good.journal, begins('quiet-9', 1, 13, 40_200)] },
      /quiet-9 ran beside poison-exits-1/,
    ],
    [
      'a worker that is back too late',
      { losses: [...good.losses.slice(1), { ...loss(11, 2_000), backAtMs: 31_001 }] },
      /back only 30001 ms/,
    ],
    [
      'a worker that was lost without a poison',
      { losses: [...good.losses, loss(16, 3_000, 'SIGABRT')] },
      /without a poison was lost: SIGABRT/,
    ],
    ['nothing that was tried', { journal: [begins(PILL, 1, 11, 1_000)] }, /nothing was tried/],
  ];
  for (const [what, changes, problem] of bad) {
    it(`finds ${what}`, () => {
      const problems = problemsOf({ ...good, ...changes });
      assert.ok(
        problems.some((each) => problem.test(each)),
        problems.join('\n'),
      );
    });
  }
});
