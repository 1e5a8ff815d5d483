/** A completed answer has all of the model's words in order; a broken one has the first of them. */
import type { Ledger } from '../ledger.ts';
import type { Violation } from './violation.ts';

export function checkAnswers(ledger: Ledger): Violation[] {
  const violations: Violation[] = [];
  for (const { plan, result } of ledger.chats.values()) {
    if (result === undefined) continue;
    const whole = result.outcome.kind === 'completed';
    const right = whole ? result.text === plan.text : plan.text.startsWith(result.text);
    if (right) continue;
    violations.push({
      promise: 'whole answers',
      atMs: result.endedAtMs,
      run: result.run,
      request: plan.id,
      evidence: `${plan.model}, stream ${plan.stream}: ${difference(plan.text, result.text)}`,
    });
  }
  return violations;
}

function difference(expected: string, found: string): string {
  let at = 0;
  while (at < found.length && expected[at] === found[at]) at += 1;
  const around = (text: string): string =>
    JSON.stringify(text.slice(Math.max(0, at - 10), at + 20));
  const place = `of ${expected.length} characters, from character ${at} on`;
  return `${place} ${around(found)} instead of ${around(expected)}`;
}
