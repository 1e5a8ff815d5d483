import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Progress } from './progress.ts';
import { countsLine, userLine } from './progress-view.ts';
import type { UserProgress } from './progress-view.ts';

const WAITING: UserProgress = { user: 1 };
const WITH_MODEL: UserProgress = { user: 2, startedAfterSeconds: 1 };
const ANSWERED: UserProgress = { user: 3, startedAfterSeconds: 0, doneAfterSeconds: 2 };

function recorder(terminal: object = {}) {
  const written: string[] = [];
  const write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  return { written, output: { write, ...terminal } };
}

describe('the progress of the demo', () => {
  it('says where a user is: waiting, with the model, answered or failed', () => {
    assert.match(userLine(WAITING, 3, 4), /user 1 +░{20} waiting +3\.0 s$/);
    assert.match(userLine(WITH_MODEL, 3, 4), /user 2 +█{10}░{10} with the model +2\.0 s$/);
    assert.match(userLine(ANSWERED, 3, 4), /user 3 +█{20} answered after +2\.0 s$/);
    assert.match(userLine({ ...ANSWERED, failed: true }, 3, 4), /failed after/);
  });

  it('counts every user once', () => {
    const line = countsLine([WAITING, WITH_MODEL, ANSWERED, { user: 4, doneAfterSeconds: 1 }], 3);
    assert.match(line, /waiting 1 +with the model 1 +answered 2$/);
  });

  it('prints each change once where it cannot redraw', () => {
    const { output, written } = recorder();
    const progress = new Progress(output, 4);
    progress.show([WAITING, WITH_MODEL], 1);
    progress.show([WAITING, WITH_MODEL], 2);
    progress.show([WAITING, { ...WITH_MODEL, doneAfterSeconds: 5 }], 5);
    assert.deepEqual(written, [
      '    1.0 s  user 2 is with the model\n',
      '    5.0 s  user 2 has the answer\n',
    ]);
  });

  it('prints counts at most once a second for many users, and always the last', () => {
    const { output, written } = recorder();
    const progress = new Progress(output, 4);
    const users = Array.from({ length: 25 }, (_, index): UserProgress => ({ user: index + 1 }));
    progress.show(users, 0);
    progress.show(users.with(0, { user: 1, startedAfterSeconds: 0 }), 0.5);
    progress.show(
      users.map((user) => ({ ...user, doneAfterSeconds: 0.6 })),
      0.6,
    );
    assert.equal(written.length, 2);
    assert.match(written[1] ?? '', /waiting 0 +with the model 0 +answered 25/);
  });

  it('redraws in place on a terminal, and shows only counts where the users do not fit', () => {
    const tall = recorder({ isTTY: true, rows: 24 });
    const progress = new Progress(tall.output, 4);
    progress.show([WAITING, WITH_MODEL], 1);
    progress.show([WAITING, WITH_MODEL], 2);
    assert.ok(tall.written[1]?.startsWith('\u001B[3A'));
    const low = recorder({ isTTY: true, rows: 4 });
    new Progress(low.output, 4).show([WAITING, WITH_MODEL], 1);
    assert.equal(low.written[0]?.split('\n').length, 2);
  });
});
