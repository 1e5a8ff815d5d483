/** Whether callers who were refused got in when they came back at the time they were told. */
import type { ChatOutcome } from './chat-call.ts';
import { callText, outcomeText, refusalProblem } from './refusal-judge.ts';
import type { DrillResult } from './result.ts';

/** How a caller reads what it was told: in milliseconds, or only the header with whole seconds. */
export const READINGS = ['retry-after-ms', 'retry-after'] as const;
export type Reading = (typeof READINGS)[number];

/** Somebody who was refused and has come back when told. */
export interface Return {
  readonly reading: Reading;
  readonly refusal: ChatOutcome;
  readonly again: ChatOutcome;
  /** How much later than told the second call left: the load's own fault. */
  readonly lateMs: number;
}

export interface Returns {
  readonly calls: readonly ChatOutcome[];
  /** The first return of each. */
  readonly returns: readonly Return[];
  /** How many were refused, and told a time that has not come. */
  readonly pending: number;
}

export const ADMITTED_MIN = 0.9;
/** With fewer there was no overload, and nothing was shown. */
const RETURNS_MIN = 20;

export function judgeReturns({ calls, pending, returns }: Returns): Judged {
  const violations = calls.filter(isStrange).map(callText);
  violations.push(
    ...[...calls, ...returns.map(({ again }) => again)]
      .filter(({ status }) => status === 503 || status === 429)
      .flatMap((call) => refusalProblem(call) ?? []),
  );
  const figures: Record<string, string> = { 'first calls': outcomeText(calls) };
  for (const reading of READINGS) {
    const own = returns.filter((each) => each.reading === reading);
    // What the deadline ended was let in and got nothing.
    const admitted = own.filter(({ again }) => again.status === 200).length;
    const ends = outcomeText(own.map(({ again }) => again));
    figures[`came back by ${reading}`] =
      `${own.length}, ${share(admitted, own.length)} admitted (${ends})`;
    if (own.length < RETURNS_MIN) {
      violations.push(`${reading}: only ${own.length} were refused and came back`);
    } else if (admitted < own.length * ADMITTED_MIN) {
      violations.push(`${reading}: ${share(admitted, own.length)} admitted when they came back`);
    }
  }
  const late = returns.map(({ lateMs }) => lateMs);
  figures['latest return'] = `${Math.round(Math.max(0, ...late))} ms after the time told`;
  figures['told a time that had not come'] = String(pending);
  return { figures, violations };
}

type Judged = Pick<DrillResult, 'figures' | 'violations'>;

const isStrange = ({ code, status }: ChatOutcome): boolean =>
  status !== 200 && status !== 503 && status !== 429 && code !== 'deadline_exceeded';

const share = (part: number, all: number): string => `${((part / all) * 100).toFixed(1)} %`;
