/** What the routes need of the transport's view of the fleet; its Fleet fits. */
import type { Priority } from '@switchboard/contract';

export interface WorkerFacts {
  readonly worker: string;
  readonly slots: number;
  readonly busy: number;
  readonly draining: boolean;
  readonly serviceMs?: number | undefined;
  readonly served: number;
  readonly startedAtMs: number;
}

export interface QueueFacts {
  /** Queued and running. */
  readonly outstanding: number;
  readonly queued: number;
  readonly running: number;
  readonly bytes: number;
  readonly maxOutstanding: number;
  readonly maxBytes: number;
  readonly lanes: readonly {
    readonly priority: Priority;
    readonly lane: number;
    readonly pending: number;
  }[];
}

export interface PoolFacts {
  readonly pool: string;
  /** This gateway is, or was just now, cut from the queue: workers may have come or gone. */
  readonly stale: boolean;
  /** Slots of workers that take runs. */
  readonly slots: number;
  readonly busy: number;
  readonly free: number;
  readonly serviceMs: number | undefined;
  readonly workers: readonly WorkerFacts[];
  readonly queue: QueueFacts | undefined;
}

export interface FleetSource {
  readonly pools: readonly string[];
  state(pool: string): PoolFacts;
  /** For a new normal request of this lane; undefined: not known. */
  predict(
    pool: string,
    lane: 1,
  ): { readonly waitMs: number | undefined; readonly ratePerSecond: number | undefined };
  /** Brings the queue's figures up to date. Never rejects. */
  refresh(pool: string): Promise<void>;
  /** Calls `listener` at most four times a second when something has changed. @returns the end */
  watch(pool: string, listener: () => void): () => void;
}
