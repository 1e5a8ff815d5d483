/**
 * "An idle slot exists while a request waits", as intervals of time.
 *
 * A request waits from the moment it is stored in the queue to the moment the log has the `started`
 * of a worker, or its end. A slot is busy from a `started` to the end of that run. So the interval
 * of one hand-over holds what is done between storing an end and storing the next claim. All these
 * times are the server's own. Intervals in which at least one request waits while fewer slots are
 * busy than there are are measured, each as one number, except within 2 s of a fault's duration.
 */
import type { Ledger } from '../ledger.ts';
import type { Interval } from './violation.ts';

const MARGIN_MS = 2_000;

export interface IdleInterval {
  readonly fromMs: number;
  readonly ms: number;
  /** Most requests that waited in it. */
  readonly waiting: number;
  /** Fewest slots that were busy in it. */
  readonly busy: number;
}

interface Edge {
  readonly atMs: number;
  readonly waiting: number;
  readonly busy: number;
}

export function idleWhileWaiting(ledger: Ledger, within: Interval, slots: number): IdleInterval[] {
  const edges: Edge[] = [];
  const add = (atMs: number, waiting: number, busy: number): number =>
    edges.push({ atMs, waiting, busy });
  for (const { storedAtMs, claims, ends } of ledger.runs.values()) {
    const endAtMs = ends[0]?.atMs;
    const startAtMs = claims[0]?.atMs;
    const waitEndMs = Math.min(startAtMs ?? Infinity, endAtMs ?? Infinity);
    if (storedAtMs !== undefined && waitEndMs !== Infinity && storedAtMs < waitEndMs) {
      add(storedAtMs, 1, 0);
      add(waitEndMs, -1, 0);
    }
    if (startAtMs !== undefined && endAtMs !== undefined && startAtMs < endAtMs) {
      add(startAtMs, 0, 1);
      add(endAtMs, 0, -1);
    }
  }
  edges.sort((a, b) => a.atMs - b.atMs);
  return intervals(edges, slots).filter(({ fromMs, ms }) => {
    const untilMs = fromMs + ms;
    if (fromMs < within.fromMs || untilMs > within.untilMs) return false;
    return !ledger.touchedByFault(fromMs, untilMs, MARGIN_MS);
  });
}

function intervals(edges: readonly Edge[], slots: number): IdleInterval[] {
  const found: IdleInterval[] = [];
  let [waiting, busy] = [0, 0];
  let open: IdleInterval | undefined;
  for (const edge of edges) {
    if (open !== undefined && edge.atMs > open.fromMs + open.ms) {
      const most = Math.max(open.waiting, waiting);
      open = {
        ...open,
        ms: edge.atMs - open.fromMs,
        waiting: most,
        busy: Math.min(open.busy, busy),
      };
    }
    waiting += edge.waiting;
    busy += edge.busy;
    if (waiting > 0 && busy < slots) {
      open ??= { fromMs: edge.atMs, ms: 0, waiting, busy };
    } else if (open !== undefined) {
      if (open.ms > 0) found.push(open);
      open = undefined;
    }
  }
  return found;
}
