/** No run is executed twice at the same time: its calls of the model never overlap. */
import type { Fault, Ledger, ModelCall, Run } from '../ledger.ts';
import type { Violation } from './violation.ts';

/** A worker that is cut off stops its runs after 12 s without a stored event, within a second. */
const CUT_GRACE_MS = 13_000;
/** A stopped process cannot close anything; it does so soon after it goes on. */
const CONTINUED_GRACE_MS = 1_500;

export interface Overlap {
  readonly request: string;
  readonly run: string | undefined;
  readonly fromMs: number;
  readonly ms: number;
  /** Whether the earlier worker was stopped or cut off, so that it could not know. */
  readonly excused: boolean;
  readonly evidence: string;
}

export function findOverlaps(ledger: Ledger): Overlap[] {
  const runs = ledger.runsByRequest();
  const overlaps: Overlap[] = [];
  for (const [request, calls] of ledger.calls) {
    const run = runs.get(request)?.[0];
    const sorted = calls.toSorted((a, b) => a.startedAtMs - b.startedAtMs);
    for (const [index, later] of sorted.entries()) {
      for (const earlier of sorted.slice(0, index)) {
        const untilMs = Math.min(earlier.endedAtMs ?? Infinity, later.endedAtMs ?? Infinity);
        if (untilMs <= later.startedAtMs) continue;
        overlaps.push(overlapOf({ request, run, earlier, later, untilMs }, ledger.faults));
      }
    }
  }
  return overlaps;
}

export function checkOverlaps(ledger: Ledger): Violation[] {
  return findOverlaps(ledger)
    .filter(({ excused }) => !excused)
    .map(({ request, run, fromMs, evidence }) => {
      return { promise: 'one run at a time', atMs: fromMs, request, run, evidence };
    });
}

interface Pair {
  readonly request: string;
  readonly run: Run | undefined;
  readonly earlier: ModelCall;
  readonly later: ModelCall;
  readonly untilMs: number;
}

function overlapOf(pair: Pair, faults: readonly Fault[]): Overlap {
  const { request, run, earlier, later, untilMs } = pair;
  const owner = workerAt(run, earlier.startedAtMs);
  const excused = faults.some((fault) => excuses(fault, owner, later.startedAtMs, untilMs));
  const ms = untilMs - later.startedAtMs;
  const laterMs = (later.startedAtMs - earlier.startedAtMs).toFixed(0);
  const claims = run?.claims.map(({ attempt, worker, atMs }) => {
    return `${attempt}:${worker} +${(atMs - earlier.startedAtMs).toFixed(0)} ms`;
  });
  const evidence =
    `two calls at once for ${ms.toFixed(1)} ms; the first began at ` +
    `${new Date(earlier.startedAtMs).toISOString()} on ${owner ?? 'a worker'}, the second ` +
    `${laterMs} ms later; claims ${claims?.join(', ') ?? 'unknown'}`;
  return { request, run: run?.run, fromMs: later.startedAtMs, ms, excused, evidence };
}

/** Whose claim was the last one before the call; the few milliseconds are for two clocks. */
function workerAt(run: Run | undefined, atMs: number): string | undefined {
  const before = run?.claims.filter((claim) => claim.atMs <= atMs + 5);
  return before?.at(-1)?.worker.split(':')[0];
}

function excuses(
  fault: Fault,
  owner: string | undefined,
  fromMs: number,
  untilMs: number,
): boolean {
  if (fault.target !== owner || fault.fromMs > fromMs) return false;
  if (fault.kind === 'worker-stop') return untilMs <= fault.restoredAtMs + CONTINUED_GRACE_MS;
  return fault.kind === 'worker-cut' && untilMs <= fault.fromMs + CUT_GRACE_MS;
}
