import { count, seconds, toleranceSeconds } from './plan.ts';
import type { Plan } from './plan.ts';
import type { DemoOptions } from './options.ts';
import type { HalfResult } from './run-half.ts';

export interface DemoResult {
  readonly plan: Plan;
  readonly options: DemoOptions;
  readonly before: HalfResult | undefined;
  readonly after: HalfResult;
}

/** The object that `--json` ends with. Seconds have three decimals. */
export function resultJson({ after, before, options, plan }: DemoResult) {
  return {
    users: options.users,
    slots: plan.after.slots,
    thinkSeconds: options.thinkSeconds,
    beforeSeconds: before === undefined ? null : milliseconds(before.totalSeconds),
    afterSeconds: milliseconds(after.totalSeconds),
    idealSeconds: milliseconds(plan.after.idealSeconds),
    maxRunning: after.maxRunning,
  };
}

/** What is wrong with the result, one sentence each; empty when it is as good as it must be. */
export function problems({ after, before, plan }: DemoResult): readonly string[] {
  const found: string[] = [];
  for (const [half, result] of [
    [plan.before, before],
    [plan.after, after],
  ] as const) {
    const failed = result?.users.filter((user) => user.failure !== undefined) ?? [];
    if (half === undefined || failed[0] === undefined) continue;
    found.push(
      `${half.title}: ${failed.length} of ${count(result?.users.length ?? 0, 'user')} got no ` +
        `answer (user ${failed[0].user}: ${failed[0].failure}).`,
    );
  }
  const { idealSeconds, slots } = plan.after;
  const off = after.totalSeconds - idealSeconds;
  const tolerance = toleranceSeconds(idealSeconds);
  if (Math.abs(off) > tolerance) {
    found.push(
      `After: ${after.totalSeconds.toFixed(2)} s is ${Math.abs(off).toFixed(2)} s ` +
        `${off > 0 ? 'above' : 'below'} the ideal ${seconds(idealSeconds)}, ` +
        `more than the ${tolerance.toFixed(2)} s allowed.`,
    );
  }
  if (after.maxRunning > slots) {
    found.push(`After: ${after.maxRunning} chats ran at once on ${count(slots, 'slot')}.`);
  }
  return found;
}

function milliseconds(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
