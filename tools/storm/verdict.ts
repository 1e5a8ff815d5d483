/** Puts all questions to a storm that is over. */
import { OUTSTANDING_PER_USER_MAX, SLOTS_PER_WORKER, WORKERS } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { MachineLoad } from './machine-load.ts';
import type { StormOptions } from './options.ts';
import { checkAnswers } from './oracle/answers.ts';
import { checkBound } from './oracle/bound.ts';
import { checkEnds, endText } from './oracle/ends.ts';
import { checkGone } from './oracle/gone.ts';
import { type IdleInterval, idleWhileWaiting } from './oracle/idle.ts';
import { checkOverlaps, findOverlaps } from './oracle/overlaps.ts';
import { checkRefusals } from './oracle/refusals.ts';
import type { Interval, Violation } from './oracle/violation.ts';
import {
  countBy,
  overlapCounts,
  seen,
  spread,
  type StormFigures,
  type StormResult,
  takeovers,
} from './report.ts';

const LONGEST_SHOWN = 3;
/** Promised while nothing is killed. */
const IDLE_P99_MAX_MS = 20;
/** With fewer of them, away from moments when the machine had no time, a p99 says nothing. */
const IDLE_COUNT_MIN = 100;

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Broken, but while a fault was at work. */
  readonly excused: readonly Violation[];
  readonly figures: StormFigures;
}

export function judge(
  ledger: Ledger,
  options: StormOptions,
  machine: MachineLoad,
  within: Interval,
): Verdict {
  const bound = checkBound(ledger);
  const refusals = checkRefusals(ledger, OUTSTANDING_PER_USER_MAX);
  const checks = [checkEnds, checkOverlaps, checkAnswers, checkGone];
  const found = checks.flatMap((check) => check(ledger));
  const { seed, seconds, kills } = options;
  const runs = [...ledger.runs.values()];
  const ends = runs.flatMap((run) => run.ends[0]?.end ?? []);
  const calm = ledger.waste.filter(({ leftAtMs }) => !ledger.touchedByFault(leftAtMs, leftAtMs));
  return {
    violations: [...found, ...bound.violations, ...refusals.violations],
    excused: refusals.duringFaults,
    figures: {
      seed,
      seconds,
      kills,
      requests: ledger.chats.size,
      accepted: runs.length,
      ends: countBy(ends.map(endText)),
      seen: seen(ledger),
      faults: countBy(ledger.faults.map(({ kind }) => kind)),
      takeovers: takeovers(ledger),
      overlaps: overlapCounts(findOverlaps(ledger)),
      maxRunning: bound.maxRunning,
      ...idleFigures(ledger, machine, within),
      machineBusyShare: machine.busyShare,
      machineStolenShare: machine.stolenShare,
      tokensAfterLeaving: spread(calm.map(({ tokens }) => tokens)),
      refusedDuringFaults: refusals.duringFaults.length,
    },
  };
}

function idleFigures(ledger: Ledger, { saturated }: MachineLoad, within: Interval) {
  const idle = idleWhileWaiting(ledger, within, SLOTS_PER_WORKER * WORKERS);
  const isFree = ({ fromMs, ms }: IdleInterval): boolean =>
    !saturated.some((each) => each.fromMs < fromMs + ms && each.untilMs > fromMs);
  const unhindered = idle.filter(isFree);
  return {
    idleWhileWaitingMs: spread(unhindered.map(({ ms }) => ms)),
    idleInAllMs: spread(idle.map(({ ms }) => ms)),
    longestIdle: unhindered.toSorted((a, b) => b.ms - a.ms).slice(0, LONGEST_SHOWN),
  };
}

/** Why a storm does not pass; empty when it does. */
export function problems(result: StormResult): string[] {
  const found = result.violations.length === 0 ? [] : [`${result.violations.length} violations`];
  const { count, p99 } = result.idleWhileWaitingMs;
  if (count >= IDLE_COUNT_MIN && p99 > IDLE_P99_MAX_MS) {
    const most = `not ${IDLE_P99_MAX_MS}`;
    found.push(`a slot was idle while a request waited for ${p99} ms (p99), ${most}`);
  }
  return found;
}
