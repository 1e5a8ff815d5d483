import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SlotPool, type TaskSource } from './slot-pool.ts';

/** A first-in first-out source whose takers wait in turn. */
class Queue<T> implements TaskSource<T> {
  readonly waiting: T[] = [];
  readonly takers: ((task: T | undefined) => void)[] = [];

  push(task: T): void {
    const taker = this.takers.shift();
    if (taker === undefined) this.waiting.push(task);
    else taker(task);
  }

  take(stop: AbortSignal): Promise<T | undefined> {
    if (stop.aborted) return Promise.resolve(undefined);
    if (this.waiting.length > 0) return Promise.resolve(this.waiting.shift());
    return new Promise((resolve) => {
      this.takers.push(resolve);
      stop.addEventListener('abort', () => {
        const index = this.takers.indexOf(resolve);
        if (index >= 0) this.takers.splice(index, 1);
        resolve(undefined);
      });
    });
  }
}

interface Job {
  readonly id: number;
  readonly done: PromiseWithResolvers<void>;
}

const job = (id: number): Job => ({ id, done: Promise.withResolvers<void>() });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(size: number) {
  const queue = new Queue<Job>();
  const started: number[] = [];
  const finished: number[] = [];
  const errors: unknown[] = [];
  const changes: string[] = [];
  let running = 0;
  let most = 0;
  const pool = new SlotPool<Job>({
    size,
    source: queue,
    run: async (task) => {
      running += 1;
      most = Math.max(most, running);
      started.push(task.id);
      try {
        await task.done.promise;
        finished.push(task.id);
      } finally {
        running -= 1;
      }
    },
    onError: (error) => errors.push(error),
    onChange: () => changes.push(`${pool.state} ${pool.busy}`),
  });
  return { queue, pool, started, finished, errors, changes, most: () => most };
}

describe('SlotPool', () => {
  it('tells of every change of its state and of the slots that run', async () => {
    const { queue, pool, changes } = setUp(2);
    const [first, second] = [job(1), job(2)];
    pool.start();
    queue.push(first);
    queue.push(second);
    await tick();
    first.done.reject(new Error('thrown by the task'));
    await tick();
    pool.stop();
    second.done.resolve();
    await pool.drained;
    assert.deepEqual(changes, [
      'running 0',
      'running 1',
      'running 2',
      'running 1',
      'draining 1',
      'draining 0',
      'stopped 0',
    ]);
  });

  it('I1: never runs more than its size, and reaches it while work waits', async () => {
    const { queue, pool, started, most } = setUp(3);
    pool.start();
    const jobs = Array.from({ length: 10 }, (_, id) => job(id));
    jobs.forEach((each) => queue.push(each));
    await tick();
    assert.deepEqual(started, [0, 1, 2]);
    jobs.forEach((each) => each.done.resolve());
    await tick();
    pool.stop();
    await pool.drained;
    assert.equal(most(), 3);
    assert.equal(started.length, 10);
  });

  it('I3 and I4: after stop nothing is taken, and drained waits for what runs', async () => {
    const { queue, pool, started } = setUp(2);
    pool.start();
    const [first, second] = [job(1), job(2)];
    queue.push(first);
    await tick();
    pool.stop();
    queue.push(second);
    let drained = false;
    void pool.drained.then(() => (drained = true));
    await tick();
    assert.equal(drained, false);
    assert.equal(pool.state, 'draining');
    first.done.resolve();
    await pool.drained;
    assert.deepEqual(started, [1]);
    assert.equal(pool.state, 'stopped');
    assert.equal(queue.waiting.length, 1);
  });

  it('I5: a task that throws frees its slot and is reported', async () => {
    const { queue, pool, started, errors } = setUp(1);
    pool.start();
    const [bad, good] = [job(1), job(2)];
    queue.push(bad);
    queue.push(good);
    await tick();
    bad.done.reject(new Error('boom'));
    await tick();
    assert.deepEqual(started, [1, 2]);
    assert.equal(errors.length, 1);
    good.done.resolve();
    pool.stop();
    await pool.drained;
  });

  it('abort reaches the running task and stops the pool', async () => {
    const seen = Promise.withResolvers<void>();
    const queue = new Queue<number>();
    const pool = new SlotPool<number>({
      size: 1,
      source: queue,
      run: (_task, signal) =>
        new Promise((resolve) => {
          seen.resolve();
          signal.addEventListener('abort', () => resolve());
        }),
      onError: (error) => assert.fail(String(error)),
    });
    pool.start();
    queue.push(1);
    await seen.promise;
    pool.abort();
    await pool.drained;
    assert.equal(pool.busy, 0);
  });

  it('a pool that never started stops at once, and refuses to start after', async () => {
    const { pool } = setUp(1);
    pool.stop();
    await pool.drained;
    assert.throws(() => pool.start(), /cannot go from stopped to running/);
  });

  it('refuses a size that is no bound', () => {
    for (const size of [0, -1, 1.5, Number.NaN, 10_001])
      assert.throws(() => setUp(size), RangeError);
  });

  it('keeps I1 to I5 under any mix of arrivals, finishes, failures and a stop in one macrotask', async () => {
    const step = fc.record({
      finish: fc.option(fc.nat(20)),
      fail: fc.boolean(),
      arrivals: fc.array(fc.nat(4), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 25 }),
        fc.nat(25),
        async (size, steps, stopAt) => {
          const { queue, pool, started, most } = setUp(size);
          const jobs: Job[] = [];
          const settled = new Set<number>();
          const settle = (index: number, fail: boolean) => {
            const each = jobs[index];
            if (each === undefined || !started.includes(each.id)) return;
            settled.add(each.id);
            if (fail) each.done.reject(new Error('fails'));
            else each.done.resolve();
          };
          pool.start();
          for (const [index, { finish, fail, arrivals }] of steps.entries()) {
            if (index === stopAt) pool.stop();
            if (finish !== null) settle(finish, fail);
            for (const microtasks of arrivals) {
              for (let i = 0; i < microtasks; i++) await Promise.resolve();
              const next = job(jobs.length);
              next.done.promise.catch(() => undefined);
              jobs.push(next);
              queue.push(next);
            }
            if (pool.state === 'running') {
              for (let i = 0; i < 12; i++) await Promise.resolve();
              const running = started.length - settled.size;
              assert.ok(
                running === size || queue.waiting.length === 0,
                'I2: idle while work waits',
              );
            }
          }
          pool.stop();
          for (let index = 0; index < jobs.length; index++) settle(index, false);
          await pool.drained;
          assert.ok(most() <= size, 'I1');
          assert.deepEqual(started, [...new Set(started)], 'I3: started once');
          assert.deepEqual(
            started,
            started.toSorted((a, b) => a - b),
            'first in, first out',
          );
          assert.equal(started.length + queue.waiting.length, jobs.length, 'nothing lost');
          assert.equal(pool.busy, 0, 'I4');
        },
      ),
      { numRuns: 500 },
    );
  });
});
