import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { DemoOptions } from './options.ts';
import { planDemo } from './plan.ts';
import { problems, resultJson } from './result.ts';
import type { DemoResult } from './result.ts';
import { resultTable } from './table.ts';

const OPTIONS: DemoOptions = {
  users: 3,
  thinkSeconds: 10,
  poolSize: 10,
  workers: 1,
  before: true,
  json: true,
};

function half(seconds: readonly number[], maxRunning: number) {
  const users = seconds.map((value, index) => ({ user: index + 1, seconds: value }));
  return { users, totalSeconds: Math.max(...seconds), maxRunning };
}

function result(after: readonly number[], maxRunning = 3): DemoResult {
  return {
    options: OPTIONS,
    plan: planDemo(OPTIONS),
    before: half([10.02, 20.03, 30.04], 1),
    after: half(after, maxRunning),
  };
}

describe('the result of the demo', () => {
  it('is one object with the fields that were promised', () => {
    assert.deepEqual(resultJson(result([10.01, 10.0204, 10.03])), {
      users: 3,
      slots: 10,
      thinkSeconds: 10,
      beforeSeconds: 30.04,
      afterSeconds: 10.03,
      idealSeconds: 10,
      maxRunning: 3,
    });
    assert.equal(resultJson({ ...result([10]), before: undefined }).beforeSeconds, null);
  });

  it('is good up to 5 % off the ideal, in both directions', () => {
    assert.deepEqual(problems(result([10.49])), []);
    assert.deepEqual(problems(result([9.51])), []);
    assert.match(problems(result([10.51]))[0] ?? '', /10\.51 s is 0\.51 s above the ideal 10 s/);
    assert.match(problems(result([9.49]))[0] ?? '', /0\.51 s below the ideal/);
  });

  it('is not good when a chat failed or more chats ran than there are slots', () => {
    const failed = { user: 2, seconds: 1, failure: '503 no' };
    const good = result([10]);
    const after = { ...good.after, users: [...good.after.users, failed] };
    assert.match(problems({ ...good, after })[0] ?? '', /1 of 2 users got no answer .*503 no/);
    assert.match(problems(result([10], 11))[0] ?? '', /11 chats ran at once on 10 slots/);
  });

  it('is a table of each user before and after, total, ideal and most at once', () => {
    assert.equal(
      resultTable(result([10.01, 10.02, 10.03])),
      [
        '                      before       after',
        '  slots                    1          10',
        '  --------------------------------------',
        '  user 1             10.02 s     10.01 s',
        '  user 2             20.03 s     10.02 s',
        '  user 3             30.04 s     10.03 s',
        '  --------------------------------------',
        '  all answered       30.04 s     10.03 s',
        '  ideal              30.00 s     10.00 s',
        '  most at once             1           3',
      ].join('\n'),
    );
  });

  it('leaves the column of the skipped half out, and lines that nobody would read', () => {
    const many = half(
      Array.from({ length: 60 }, () => 1),
      10,
    );
    const table = resultTable({ ...result([]), before: undefined, after: many });
    assert.doesNotMatch(table, /before/);
    assert.match(table, /user 40 .*\n {2}and 20 more/);
  });
});
