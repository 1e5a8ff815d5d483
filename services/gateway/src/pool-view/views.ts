/**
 * What a viewer is shown of the pools: everything, or what concerns a caller. Pure functions.
 *
 * No figure here changes by the passing of time alone, so that an unchanged pool is an unchanged
 * text.
 */
import type { PoolAdminView, PoolOwnView, PoolSummary } from './pool-schema.ts';
import type { FleetSource, PoolFacts, WorkerFacts } from './fleet-source.ts';

/** Who looks. */
export interface Viewer {
  readonly scopes: ReadonlySet<string>;
  readonly account: string;
  /** Most requests it may have queued and running in a pool, where its own limits say so. */
  readonly maxOutstanding: number | undefined;
}

/** What the viewer has in a pool. */
export interface OwnUse {
  /** Queued and running, over all gateways. */
  readonly outstanding: number;
  readonly maxOutstanding: number;
}

/** Shows more than the viewer's own. */
export const ADMIN_SCOPE = 'admin';

export function adminView(fleet: FleetSource): PoolAdminView {
  return {
    object: 'pool_state',
    view: 'admin',
    pools: fleet.pools.map((pool) => {
      const facts = fleet.state(pool);
      const { queue } = facts;
      return {
        ...summary(fleet, facts),
        free: facts.free,
        running: queue?.running ?? null,
        outstanding: queue?.outstanding ?? null,
        max_outstanding: queue?.maxOutstanding ?? null,
        bytes: queue?.bytes ?? null,
        max_bytes: queue?.maxBytes ?? null,
        service_ms: rounded(facts.serviceMs),
        rate_per_second: rounded(fleet.predict(pool, 1).ratePerSecond),
        lanes: (queue?.lanes ?? []).map(({ priority, lane, pending }) => {
          return { priority, lane, waiting: pending };
        }),
        workers: facts.workers.map(workerView),
      };
    }),
  };
}

/**
 * Nothing of other callers but their number, and nothing of single workers.
 * @param own what the viewer has in each pool, as far as it is known
 */
export function ownView(fleet: FleetSource, own: ReadonlyMap<string, OwnUse>): PoolOwnView {
  return {
    object: 'pool_state',
    view: 'own',
    pools: fleet.pools.map((pool) => {
      const use = own.get(pool);
      return {
        ...summary(fleet, fleet.state(pool)),
        own:
          use === undefined
            ? null
            : { outstanding: use.outstanding, max_outstanding: use.maxOutstanding },
      };
    }),
  };
}

function summary(fleet: FleetSource, facts: PoolFacts): PoolSummary {
  const { pool, stale, slots, busy, queue } = facts;
  return {
    pool,
    stale,
    slots,
    busy,
    waiting: queue?.queued ?? null,
    predicted_wait_ms: fleet.predict(pool, 1).waitMs ?? null,
  };
}

function workerView(worker: WorkerFacts): PoolAdminView['pools'][number]['workers'][number] {
  return {
    worker: worker.worker,
    slots: worker.slots,
    busy: worker.busy,
    draining: worker.draining,
    service_ms: rounded(worker.serviceMs),
    served: worker.served,
    started_at: Math.floor(worker.startedAtMs / 1_000),
  };
}

const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Math.round(value * 10) / 10;
