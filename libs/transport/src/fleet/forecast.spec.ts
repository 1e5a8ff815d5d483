import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { capacityOf, ratePerSecond, waitMs } from './forecast.ts';
import type { WorkerState } from './worker-table.ts';

const worker = (overrides: Partial<WorkerState> = {}): WorkerState => ({
  worker: 'w',
  slots: 5,
  busy: 5,
  draining: false,
  served: 100,
  serviceMs: 1_000,
  startedAtMs: 1,
  ...overrides,
});

it('lets the first that waits have the slot that is free next, and one service time pass a round', () => {
  const full = capacityOf([worker(), worker()]);
  assert.equal(waitMs(0, full), 100);
  assert.equal(waitMs(9, full), 1_000);
  assert.equal(waitMs(10, full), 1_100);
  assert.equal(ratePerSecond(full), 10);
});

it('makes nobody wait for a slot that is free', () => {
  const capacity = capacityOf([worker({ busy: 3, serviceMs: undefined })]);
  assert.equal(waitMs(0, capacity), 0);
  assert.equal(waitMs(1, capacity), 0);
  assert.equal(waitMs(2, capacity), undefined, 'nobody knows how long a run takes');
});

it('promises nothing when nobody takes requests', () => {
  for (const workers of [[], [worker({ draining: true, busy: 1 })]]) {
    assert.equal(waitMs(0, capacityOf(workers)), undefined);
    assert.equal(ratePerSecond(capacityOf(workers)), undefined);
  }
});

it('does not count the slots of a draining worker, but its busy ones', () => {
  const capacity = capacityOf([worker({ draining: true, busy: 2 }), worker({ busy: 1 })]);
  assert.deepEqual(capacity, { slots: 5, busy: 3, free: 4, serviceMs: 1_000 });
});

it('lets one early run of a new worker count for little', () => {
  const { serviceMs } = capacityOf([worker(), worker({ served: 1, serviceMs: 1 })]);
  assert.ok((serviceMs ?? 0) > 950);
});

it('never gives a wait below zero, nor a shorter one to who has more before him', () => {
  const workers = fc.array(
    fc
      .record({
        slots: fc.integer({ min: 1, max: 50 }),
        busy: fc.nat(50),
        draining: fc.boolean(),
        served: fc.nat(50),
        serviceMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
      })
      .map((each) => worker({ ...each, busy: Math.min(each.busy, each.slots) })),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(workers, fc.nat(1_000), fc.nat(1_000), (all, ahead, more) => {
      const capacity = capacityOf(all);
      const wait = waitMs(ahead, capacity);
      const longer = waitMs(ahead + more, capacity);
      if (wait === undefined || longer === undefined) return;
      assert.ok(wait >= 0 && longer >= wait);
    }),
    { seed: Number(process.env['SEED'] ?? 73) },
  );
});
