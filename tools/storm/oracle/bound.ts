/** What runs at once never exceeds the slots of the workers that are alive. */
import type { Ledger, ModelCall } from '../ledger.ts';
import type { Violation } from './violation.ts';

export interface Bound {
  readonly maxRunning: number;
  readonly violations: readonly Violation[];
}

/**
 * The simulator notices a closed socket when it comes to it, perhaps after the next request: an
 * aborted call that it saw end this soon after another began had made room for it.
 */
const CLOSE_SEEN_LATE_MS = 10;

/** Sweeps over the calls of the model by time; a call that ends when another begins makes room. */
export function checkBound(ledger: Ledger): Bound {
  const calls = [...ledger.calls.values()].flat();
  const edges = calls.flatMap((call) => {
    const begin = { atMs: call.startedAtMs, change: 1 };
    return call.endedAtMs === null ? [begin] : [begin, { atMs: endOf(call), change: -1 }];
  });
  edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  const violations: Violation[] = [];
  let running = 0;
  let maxRunning = 0;
  for (const { atMs, change } of edges) {
    running += change;
    maxRunning = Math.max(maxRunning, running);
    const slots = slotsAt(ledger, atMs);
    if (change < 0 || running <= slots) continue;
    const what = `${running} calls of the model at once on ${slots} slots`;
    const evidence = `${what}: ${those(calls, atMs)}`;
    violations.push({ promise: 'running <= slots', atMs, evidence });
  }
  return { maxRunning, violations };
}

function endOf({ startedAtMs, endedAtMs, outcome }: ModelCall): number {
  if (endedAtMs === null) return Infinity;
  const noticed = outcome === 'aborted' ? CLOSE_SEEN_LATE_MS : 0;
  return Math.max(startedAtMs, endedAtMs - noticed);
}

function those(calls: readonly ModelCall[], atMs: number): string {
  return calls
    .filter((call) => call.startedAtMs <= atMs && endOf(call) > atMs)
    .map(({ request, startedAtMs, endedAtMs, outcome }) => {
      const end = endedAtMs === null ? 'running' : `+${(endedAtMs - atMs).toFixed(1)}`;
      return `${request} ${(startedAtMs - atMs).toFixed(1)} to ${end} ${outcome}`;
    })
    .join(', ');
}

function slotsAt(ledger: Ledger, atMs: number): number {
  return ledger.workers
    .filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs <= untilMs)
    .reduce((sum, { slots }) => sum + slots, 0);
}
