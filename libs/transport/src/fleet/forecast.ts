/** From workers and queue to waiting times: pure arithmetic, all of it estimates. */
import { HIGH_TO_NORMAL, type Priority } from '@switchboard/contract';
import type { WorkerState } from './worker-table.ts';

/** What the workers of a pool can do together. */
export interface Capacity {
  /** Slots of workers that take runs. */
  readonly slots: number;
  /** Slots that hold a run, those of draining workers too. */
  readonly busy: number;
  /** Slots that would take a run now. */
  readonly free: number;
  /** How long a run holds a slot; undefined while none has been measured. */
  readonly serviceMs: number | undefined;
}

/** Where a queued request stands: an estimate, later requests may overtake it. */
export interface Position {
  /** Requests that are taken before it. */
  readonly ahead: number;
  /** Until a slot takes it; undefined while no service time is known or nobody takes requests. */
  readonly etaMs: number | undefined;
}

/** What a request that came now would meet. Undefined: not known, as for {@link Position}. */
export interface Prediction {
  readonly waitMs: number | undefined;
  /** How long a run holds its slot. */
  readonly serviceMs: number | undefined;
  /** Requests that the whole pool ends in a second while it is full. */
  readonly ratePerSecond: number | undefined;
}

/** A worker's mean counts for so many runs at most, so that an old worker does not hide others. */
const SERVED_MAX = 20;

export function capacityOf(workers: Iterable<WorkerState>): Capacity {
  let slots = 0;
  let busy = 0;
  let free = 0;
  let weights = 0;
  let weighted = 0;
  for (const worker of workers) {
    busy += worker.busy;
    if (!worker.draining) {
      slots += worker.slots;
      free += worker.slots - worker.busy;
    }
    if (worker.serviceMs === undefined) continue;
    const weight = worker.slots * Math.min(worker.served, SERVED_MAX);
    weights += weight;
    weighted += weight * worker.serviceMs;
  }
  return { slots, busy, free, serviceMs: weights === 0 ? undefined : weighted / weights };
}

/**
 * Milliseconds until a request with `ahead` before it gets a slot; 0 when one is free for it.
 * Undefined while no service time is known or nobody takes requests. Requests that come later into
 * better lanes may overtake it.
 */
export function waitMs(ahead: number, { slots, free, serviceMs }: Capacity): number | undefined {
  if (slots === 0) return undefined;
  const turns = Math.max(0, ahead + 1 - free);
  if (turns === 0) return 0;
  return serviceMs === undefined ? undefined : Math.round((turns / slots) * serviceMs);
}

/** Requests that the pool ends in a second when it is full; undefined as for {@link waitMs}. */
export function ratePerSecond({ slots, serviceMs }: Capacity): number | undefined {
  if (slots === 0) return undefined;
  // Below a tenth of a millisecond nothing is measured.
  return serviceMs === undefined ? undefined : (slots / Math.max(serviceMs, 0.1)) * 1_000;
}

/**
 * Requests that are taken before one that has `own` of its priority before it, while `others` of
 * the other priority wait: both take turns.
 */
export function aheadOfBoth(priority: Priority, own: number, others: number): number {
  const turns =
    priority === 'high'
      ? Math.round(own / HIGH_TO_NORMAL)
      : // It may be its own turn at once, or after all high ones of a round.
        own * HIGH_TO_NORMAL + HIGH_TO_NORMAL / 2;
  return own + Math.min(others, turns);
}

/** How many of `count` slots that come free go to high requests, of so many that wait. */
export function highAmong(count: number, high: number, normal: number): number {
  const share = Math.round((count * HIGH_TO_NORMAL) / (HIGH_TO_NORMAL + 1));
  return Math.min(high, Math.max(share, count - normal));
}
