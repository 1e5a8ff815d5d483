/** `GET /v1/pool` as schemas: printed in the OpenAPI document, and checked in tests. */
import { PRIORITIES } from '@switchboard/contract';
import { z } from 'zod';

const count = z.int().min(0);
/** Null: not known (yet). */
const known = count.nullable();
const milliseconds = z.number().min(0).nullable();

const PoolSummary = z.object({
  pool: z.string(),
  stale: z.boolean().describe('The gateway is, or was just now, cut from the queue.'),
  slots: count.describe('Of workers that take requests.'),
  busy: count,
  waiting: known,
  predicted_wait_ms: milliseconds.describe("A new caller's first request would wait for so long."),
});

export type PoolSummary = z.infer<typeof PoolSummary>;

/** What the caller has in the pool: its key, with all users that the key acts for. */
const OwnUse = z.object({
  outstanding: count.describe('Waiting and running, over all gateways.'),
  max_outstanding: count,
});

const Worker = z.object({
  worker: z.string(),
  slots: count,
  busy: count,
  draining: z.boolean(),
  service_ms: milliseconds.describe('How long a run holds a slot.'),
  served: count.describe('Runs that `service_ms` was measured on.'),
  started_at: count.describe('Seconds since 1970.'),
});

export const PoolOwnView = z.object({
  object: z.literal('pool_state'),
  view: z.literal('own'),
  pools: z.array(PoolSummary.extend({ own: OwnUse.nullable() })),
});
export type PoolOwnView = z.infer<typeof PoolOwnView>;

export const PoolAdminView = z.object({
  object: z.literal('pool_state'),
  view: z.literal('admin'),
  pools: z.array(
    PoolSummary.extend({
      free: count,
      running: known,
      outstanding: known.describe('Waiting and running.'),
      max_outstanding: known,
      bytes: known,
      max_bytes: known,
      service_ms: milliseconds,
      rate_per_second: z.number().min(0).nullable().describe('When the pool is full.'),
      lanes: z.array(
        z.object({ priority: z.enum(PRIORITIES), lane: z.int().min(1).max(4), waiting: count }),
      ),
      workers: z.array(Worker),
    }),
  ),
});
export type PoolAdminView = z.infer<typeof PoolAdminView>;

export const PoolViewSchema = z.discriminatedUnion('view', [PoolOwnView, PoolAdminView]);
