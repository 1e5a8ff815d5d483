import assert from 'node:assert/strict';
import { afterEach, beforeEach, it, mock } from 'node:test';
import { QUEUE_PROGRESS_MS, QueueProgress } from './queue-progress.ts';
import type { QueuePlace } from './queue-progress.ts';

let told: QueuePlace[];
let answers: (() => Promise<QueuePlace | undefined>)[];
let progress: QueueProgress;

const settled = () => new Promise((resolve) => setImmediate(resolve));
const pass = async () => {
  mock.timers.tick(QUEUE_PROGRESS_MS);
  await settled();
};
const place = (ahead: number) => async () => ({ ahead, etaMs: 10 * ahead });

beforeEach(() => {
  mock.timers.enable({ apis: ['setInterval'] });
  told = [];
  answers = [];
  progress = new QueueProgress({
    run: 'r',
    find: async (run) => {
      assert.equal(run, 'r');
      return await answers.shift()?.();
    },
    tell: (each) => told.push(each),
  });
});
afterEach(() => {
  progress.stop();
  mock.timers.reset();
});

const aheads = () => told.map(({ ahead }) => ahead);

it('tells at once and every few seconds where the run stands, until it is stopped', async () => {
  answers = [place(2), place(1), place(0)];
  progress.start('at once');
  progress.start('at once');
  await settled();
  assert.deepEqual(aheads(), [2]);
  await pass();
  assert.deepEqual(aheads(), [2, 1]);
  progress.stop();
  await pass();
  assert.deepEqual(aheads(), [2, 1]);
});

it('tells nothing that came too late, that is not known or that failed', async () => {
  const late = Promise.withResolvers<QueuePlace>();
  answers = [async () => undefined, () => Promise.reject(new Error('away')), () => late.promise];
  progress.start('later');
  await settled();
  assert.equal(answers.length, 3);
  for (let looks = 0; looks < 4; looks++) await pass();
  assert.equal(answers.length, 0, 'one look at a time');
  progress.stop();
  late.resolve({ ahead: 1, etaMs: undefined });
  await settled();
  assert.deepEqual(told, []);
});
