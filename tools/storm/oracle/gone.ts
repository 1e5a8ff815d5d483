/** A client that leaves stops the spending: no call of the model goes on for a second after it. */
import type { Ledger } from '../ledger.ts';
import type { Violation } from './violation.ts';

const STOPPED_WITHIN_MS = 1_000;

export function checkGone(ledger: Ledger): Violation[] {
  const violations: Violation[] = [];
  for (const { plan, result } of ledger.chats.values()) {
    const leftAtMs = result?.leftAtMs;
    if (leftAtMs === undefined || result?.outcome.kind !== 'left') continue;
    const late = ledger
      .callsOf(plan.id)
      .find(({ endedAtMs }) => (endedAtMs ?? Infinity) > leftAtMs + STOPPED_WITHIN_MS);
    if (late === undefined) continue;
    if (ledger.touchedByFault(leftAtMs, leftAtMs + STOPPED_WITHIN_MS, STOPPED_WITHIN_MS)) continue;
    const lateMs = ((late.endedAtMs ?? Infinity) - leftAtMs).toFixed(0);
    violations.push({
      promise: 'client gone',
      atMs: leftAtMs,
      request: plan.id,
      evidence: `${plan.model}: the model worked on for ${lateMs} ms after it`,
    });
  }
  return violations;
}
