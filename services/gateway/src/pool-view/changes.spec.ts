import assert from 'node:assert/strict';
import { afterEach, beforeEach, it, mock } from 'node:test';
import { Changes } from './changes.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('lets a change through after a pause, and many changes as one', async () => {
  const changes = new Changes(new AbortController().signal);
  let seen = 0;
  void (async () => {
    for (;;) {
      await changes.next();
      seen += 1;
    }
  })();
  changes.note();
  changes.note();
  mock.timers.tick(249);
  await settled();
  assert.equal(seen, 0);
  mock.timers.tick(1);
  await settled();
  assert.equal(seen, 1);
  mock.timers.tick(10_000);
  await settled();
  assert.equal(seen, 1, 'nothing has changed');
  changes.note();
  await settled();
  assert.equal(seen, 2, 'the pause was over long ago');
  changes.close();
});

it('waits for nothing any more when it is aborted, in every state', async () => {
  for (const ms of [0, 300]) {
    const aborting = new AbortController();
    const changes = new Changes(aborting.signal);
    const next = changes.next();
    mock.timers.tick(ms);
    await settled();
    aborting.abort();
    await next;
    await changes.next();
    changes.close();
  }
});
