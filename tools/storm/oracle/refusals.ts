/** A 429 only when the user really had as many requests outstanding as allowed. */
import type { Chat, Ledger, Run } from '../ledger.ts';
import type { Violation } from './violation.ts';

/** A run that has just ended may still hold its place: its end is stored before that is freed. */
const FREED_LATE_MS = 100;

export interface Refusals {
  /** Away from faults: a broken promise. */
  readonly violations: readonly Violation[];
  /** While NATS or a process was away, and an acknowledgement with it. */
  readonly duringFaults: readonly Violation[];
}

export function checkRefusals(ledger: Ledger, most: number): Refusals {
  const byUser = new Map<string, Run[]>();
  for (const [request, runs] of ledger.runsByRequest()) {
    const user = ledger.chats.get(request)?.plan.user;
    if (user !== undefined) byUser.set(user, [...(byUser.get(user) ?? []), ...runs]);
  }
  const violations: Violation[] = [];
  const duringFaults: Violation[] = [];
  for (const chat of ledger.chats.values()) {
    const violation = falseRefusal(chat, byUser.get(chat.plan.user) ?? [], most);
    if (violation === undefined || chat.result === undefined) continue;
    const { sentAtMs, endedAtMs } = chat.result;
    const touched = ledger.touchedByFault(sentAtMs, endedAtMs, FREED_LATE_MS);
    (touched ? duringFaults : violations).push(violation);
  }
  return { violations, duringFaults };
}

function falseRefusal(
  { plan, result }: Chat,
  runs: readonly Run[],
  most: number,
): Violation | undefined {
  if (result?.outcome.kind !== 'failed' || result.outcome.code !== 'too_many_outstanding') {
    return undefined;
  }
  const { sentAtMs, endedAtMs } = result;
  const held = mostHeld(runs, sentAtMs, endedAtMs);
  if (held >= most) return undefined;
  return {
    promise: 'no false 429',
    atMs: endedAtMs,
    request: plan.id,
    evidence: `${plan.user} was refused with at most ${held} of ${most} outstanding`,
  };
}

/** The most places that were held at one moment from `fromMs` to `untilMs`. */
function mostHeld(runs: readonly Run[], fromMs: number, untilMs: number): number {
  const held = runs.map((run) => ({
    fromMs: run.storedAtMs ?? -Infinity,
    untilMs: (run.ends[0]?.atMs ?? Infinity) + FREED_LATE_MS,
  }));
  const moments = [fromMs, ...held.map((each) => each.fromMs)].filter(
    (atMs) => atMs >= fromMs && atMs <= untilMs,
  );
  return Math.max(
    0,
    ...moments.map(
      (atMs) => held.filter((each) => each.fromMs <= atMs && atMs < each.untilMs).length,
    ),
  );
}
