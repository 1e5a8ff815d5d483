import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FACTS, FakeFleet } from '../../test/fake-fleet.ts';
import { PoolViewSchema } from './pool-schema.ts';
import { adminView, ownView } from './views.ts';

const SUMMARY = {
  pool: 'default',
  stale: false,
  slots: 10,
  busy: 10,
  waiting: 3,
  predicted_wait_ms: 370,
};

it('shows an admin every worker, lane and byte', () => {
  const view = adminView(new FakeFleet());
  assert.deepEqual(view, {
    object: 'pool_state',
    view: 'admin',
    pools: [
      {
        ...SUMMARY,
        free: 0,
        running: 10,
        outstanding: 13,
        max_outstanding: 10_000,
        bytes: 4_321,
        max_bytes: 1_000_000,
        service_ms: 1_234.6,
        rate_per_second: 8.1,
        lanes: [
          { priority: 'high', lane: 1, waiting: 2 },
          { priority: 'normal', lane: 2, waiting: 1 },
        ],
        workers: [
          {
            worker: 'secret-host-1',
            slots: 10,
            busy: 10,
            draining: false,
            service_ms: 1_234.6,
            served: 7,
            started_at: 1_700_000_000,
          },
        ],
      },
    ],
  });
  PoolViewSchema.parse(view);
});

it('shows a caller his own and the sums, and nothing of workers, lanes and bytes', () => {
  const view = ownView(
    new FakeFleet(),
    new Map([['default', { outstanding: 3, maxOutstanding: 256 }]]),
  );
  assert.deepEqual(view, {
    object: 'pool_state',
    view: 'own',
    pools: [{ ...SUMMARY, own: { outstanding: 3, max_outstanding: 256 } }],
  });
  PoolViewSchema.parse(view);
});

it('says null for what it does not know', () => {
  const fleet = new FakeFleet();
  fleet.facts = { ...FACTS, queue: undefined, serviceMs: undefined };
  const [pool] = adminView(fleet).pools;
  assert.equal(pool?.waiting, null);
  assert.equal(pool.service_ms, null);
  assert.deepEqual(pool.lanes, []);
  PoolViewSchema.parse(adminView(fleet));
  assert.equal(ownView(fleet, new Map()).pools[0]?.own, null);
});
