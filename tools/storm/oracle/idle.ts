/**
 * "An idle slot exists while a request waits", as intervals of time.
 *
 * A request waits from the moment the server rings for it (it is stored) to the moment the log has
 * the `started` of a worker, or its end. A slot is busy from a `started` to the end of that run, or
 * to the next `started`. So the interval of one hand-over holds the acknowledgement of the old run,
 * the pull and the claim of the new one. Intervals in which a request waits while fewer slots are
 * busy than there are are measured, except near faults.
 */
import type { Ledger } from '../ledger.ts';
import type { Interval } from './violation.ts';

const MARGIN_MS = 2_000;

/** The lengths of all such intervals, milliseconds. */
export function idleWhileWaiting(ledger: Ledger, within: Interval, slots: number): number[] {
  const edges: { atMs: number; waiting: number; busy: number }[] = [];
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
  return lengths(edges, within, slots, ledger);
}

function lengths(
  edges: readonly { atMs: number; waiting: number; busy: number }[],
  within: Interval,
  slots: number,
  ledger: Ledger,
): number[] {
  const found: number[] = [];
  let [waiting, busy] = [0, 0];
  let sinceMs: number | undefined;
  for (const edge of edges) {
    waiting += edge.waiting;
    busy += edge.busy;
    const idle = waiting > 0 && busy < slots;
    if (idle) sinceMs ??= edge.atMs;
    if (idle || sinceMs === undefined) continue;
    const isCalm =
      sinceMs >= within.fromMs &&
      edge.atMs <= within.untilMs &&
      !ledger.touchedByFault(sinceMs, edge.atMs, MARGIN_MS);
    if (isCalm && edge.atMs > sinceMs) found.push(edge.atMs - sinceMs);
    sinceMs = undefined;
  }
  return found;
}
