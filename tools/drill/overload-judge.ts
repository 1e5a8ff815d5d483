/** Whether an overloaded pool stayed busy, told the others at once, and was itself again soon. */
import { percentile } from '@switchboard/testkit';

import type { ChatOutcome } from './chat-call.ts';
import { callText, outcomeText, refusalProblem } from './refusal-judge.ts';
import type { DrillResult } from './result.ts';

export interface Overload {
  /** Of those who came while it lasted. */
  readonly calls: readonly ChatOutcome[];
  /** Of those who came afterwards. */
  readonly later: readonly ChatOutcome[];
  readonly fromMs: number;
  readonly untilMs: number;
  /** How many times its capacity came to the pool. */
  readonly load: number;
  readonly capacityPerSecond: number;
  readonly deadlineMs: number;
}

export const GOODPUT_MIN = 0.95;
export const REFUSAL_P95_MAX_MS = 20;
export const RECOVERY_MAX_MS = 5_000;
/** A newcomer does not notice a shorter wait for a slot. */
export const WAIT_NORMAL_MS = 50;
/** The slots fill. */
const RAMP_MS = 1_000;
const SECOND_MS = 1_000;

export function judgeOverload(overload: Overload): Pick<DrillResult, 'figures' | 'violations'> {
  const { calls, deadlineMs, load } = overload;
  const accepted = calls.filter(isAccepted);
  const refused = calls.filter(({ status }) => status === 429 || status === 503);
  const violations = [...calls, ...overload.later].filter(isStrange).map(callText);
  violations.push(...refused.flatMap((call) => refusalProblem(call) ?? []));

  const goodput = goodputOf(overload, accepted);
  if (goodput < GOODPUT_MIN) violations.push(`goodput: ${share(goodput)} of the capacity`);
  const acceptedP95Ms = p95(accepted);
  if (acceptedP95Ms > deadlineMs) violations.push(`p95 of the accepted: ${acceptedP95Ms} ms`);
  const refusedP95Ms = p95(refused);
  if (refusedP95Ms > REFUSAL_P95_MAX_MS) violations.push(`p95 of the refusals: ${refusedP95Ms} ms`);
  // What came above the capacity, but for what the queue holds.
  const expected = (calls.length * (load - 1)) / load / 2;
  if (refused.length < expected) violations.push(`only ${refused.length} were refused`);
  const recoveryMs = recoveryOf(overload);
  if (recoveryMs > RECOVERY_MAX_MS) violations.push(`recovery: ${recoveryMs} ms`);
  return {
    figures: {
      calls: outcomeText(calls),
      goodput: `${share(goodput)} of ${overload.capacityPerSecond} a second`,
      'accepted, p50 / p95': `${p50(accepted)} / ${acceptedP95Ms} ms, deadline ${deadlineMs} ms`,
      'refusals, p50 / p95 / worst': `${p50(refused)} / ${refusedP95Ms} / ${worst(refused)} ms`,
      'told to wait, p50 / longest': toldText(refused),
      'calls afterwards': outcomeText(overload.later),
      'normal again after': `${recoveryMs} ms`,
    },
    violations,
  };
}

/** Let in; what the deadline ended was let in, and in vain. */
const isAccepted = ({ code, status }: ChatOutcome): boolean =>
  status === 200 || code === 'deadline_exceeded';

const isStrange = (call: ChatOutcome): boolean =>
  !isAccepted(call) && call.status !== 429 && call.status !== 503;

/** What was completed in time, as a share of what the slots can do. */
function goodputOf(overload: Overload, accepted: readonly ChatOutcome[]): number {
  const { capacityPerSecond, deadlineMs, untilMs } = overload;
  const fromMs = overload.fromMs + RAMP_MS;
  const good = accepted.filter((call) => {
    const isInTime = call.status === 200 && latencyMs(call) <= deadlineMs;
    return isInTime && call.endedAtMs > fromMs && call.endedAtMs <= untilMs;
  });
  return (good.length * 1_000) / (untilMs - fromMs) / capacityPerSecond;
}

/**
 * From the end of the overload to the first second from which on newcomers were all let in, and
 * the median of each second waited no longer for a slot than on an idle system.
 */
function recoveryOf({ later, untilMs }: Overload): number {
  const seconds = Map.groupBy(later, (call) => Math.floor((call.sentAtMs - untilMs) / SECOND_MS));
  const busy = [...seconds].filter(([, calls]) => {
    const waits = calls.map(({ queueWaitMs }) => queueWaitMs ?? Infinity);
    return calls.some(({ status }) => status !== 200) || percentile(waits, 50) >= WAIT_NORMAL_MS;
  });
  const last = Math.max(-1, ...busy.map(([second]) => second));
  return last + 1 >= seconds.size ? Infinity : (last + 1) * SECOND_MS;
}

const latencyMs = ({ endedAtMs, sentAtMs }: ChatOutcome): number => endedAtMs - sentAtMs;

function at(calls: readonly ChatOutcome[], p: number): number {
  return calls.length === 0 ? NaN : Math.round(percentile(calls.map(latencyMs), p) * 10) / 10;
}
const p50 = (calls: readonly ChatOutcome[]): number => at(calls, 50);
const p95 = (calls: readonly ChatOutcome[]): number => at(calls, 95);
const worst = (calls: readonly ChatOutcome[]): number => at(calls, 100);

function toldText(refused: readonly ChatOutcome[]): string {
  const told = refused.map(({ retryAfter }) => Number(retryAfter));
  if (told.length === 0) return 'nobody';
  return `${percentile(told, 50)} / ${percentile(told, 100)} s`;
}

const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
