/** What runs at once never exceeds the slots of the workers that are alive. */
import type { Ledger } from '../ledger.ts';
import type { Violation } from './violation.ts';

export interface Bound {
  readonly maxRunning: number;
  readonly violations: readonly Violation[];
}

/** Sweeps over the calls of the model by time; a call that ends when another begins makes room. */
export function checkBound(ledger: Ledger): Bound {
  const edges: { atMs: number; change: 1 | -1 }[] = [];
  for (const { startedAtMs, endedAtMs } of [...ledger.calls.values()].flat()) {
    edges.push({ atMs: startedAtMs, change: 1 });
    if (endedAtMs !== null) edges.push({ atMs: endedAtMs, change: -1 });
  }
  edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  const violations: Violation[] = [];
  let running = 0;
  let maxRunning = 0;
  for (const { atMs, change } of edges) {
    running += change;
    maxRunning = Math.max(maxRunning, running);
    const slots = slotsAt(ledger, atMs);
    if (change === 1 && running > slots) {
      const evidence = `${running} calls of the model at once on ${slots} slots`;
      violations.push({ promise: 'running <= slots', atMs, evidence });
    }
  }
  return { maxRunning, violations };
}

function slotsAt(ledger: Ledger, atMs: number): number {
  return ledger.workers
    .filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs <= untilMs)
    .reduce((sum, { slots }) => sum + slots, 0);
}
