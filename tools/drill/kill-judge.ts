/** Whether the runs of a kill drill kept the promises. */
import { percentile } from '@switchboard/testkit';

import type { RunEnd, RunResult } from './background-run.ts';
import type { ModelCall } from './simulator-log.ts';
import { difference } from './words.ts';

const TAKEOVER_P95_MAX_MS = 20_000;
/** A run is given up when so many workers died on it. */
const LOST_WORKERS_MAX = 3;

/** What one run did wrong. `calls` are the model's, `later` is how the run was found at the end. */
export function problemsOf(
  { plan, end, problem, again }: RunResult,
  calls: readonly ModelCall[],
  later: RunEnd | undefined,
): string[] {
  const at = `run ${end?.id ?? plan.id} (${plan.id}, ${plan.model})`;
  const problems: string[] = [];
  if (problem !== undefined) problems.push(problem);
  if (end !== undefined) problems.push(...endProblems(end, plan, calls));
  for (const [when, other] of Object.entries({ 'the same POST': again, 'a later GET': later })) {
    if (end === undefined || other === undefined || same(end, other)) continue;
    problems.push(`two ends: first ${ended(end)}, by ${when} ${ended(other)} of ${other.id}`);
  }
  const overlap = overlapMs(calls);
  if (overlap > 0) problems.push(`executed twice at once for ${overlap.toFixed(0)} ms`);
  const story = calls.map(callText).join(', ');
  return problems.map((each) => `${at}: ${each}; model calls: ${story || 'none'}`);
}

function endProblems(end: RunEnd, plan: RunResult['plan'], calls: readonly ModelCall[]): string[] {
  const lost = calls.filter(({ outcome }) => outcome === 'aborted').length;
  if (end.status === 'completed') {
    if (end.text === plan.text) return [];
    return [`wrong text: ${difference(plan.text, end.text)}`];
  }
  const documented =
    (end.code === 'worker_lost' && plan.policy === 'fail' && lost > 0) ||
    (end.code === 'too_many_attempts' && lost >= LOST_WORKERS_MAX);
  if (end.status !== 'failed' || !documented) return [`ended ${ended(end)}`];
  if (plan.text.startsWith(end.text)) return [];
  return [`wrong beginning: ${difference(plan.text, end.text)}`];
}

/** The longest time that two calls for the same request were under way together. */
export function overlapMs(calls: readonly ModelCall[]): number {
  let longest = 0;
  for (const [index, later] of calls.entries()) {
    for (const earlier of calls.slice(0, index)) {
      const untilMs = Math.min(earlier.endedAtMs ?? Infinity, later.endedAtMs ?? Infinity);
      longest = Math.max(longest, untilMs - later.startedAtMs);
    }
  }
  return longest;
}

/** From each call that its worker's death broke off to the next one, or to the end of the run. */
export function takeoversMs({ endSeenAtMs }: RunResult, calls: readonly ModelCall[]): number[] {
  return calls.flatMap(({ outcome, endedAtMs }, index) => {
    if (outcome !== 'aborted' || endedAtMs === null) return [];
    return [(calls[index + 1]?.startedAtMs ?? endSeenAtMs) - endedAtMs];
  });
}

/** The row of the table, and a violation if take-overs take too long. */
export function takeoverFigures(takeovers: readonly number[]) {
  if (takeovers.length === 0) return { figures: { takeovers: 0 }, violations: [] };
  const [p50, p95, most] = [50, 95, 100].map((p) => Math.round(percentile(takeovers, p)));
  const slow = (p95 ?? Infinity) > TAKEOVER_P95_MAX_MS;
  return {
    figures: { takeovers: takeovers.length, 'takeover ms': `p50 ${p50}, p95 ${p95}, max ${most}` },
    violations: slow ? [`takeover p95 is ${p95} ms, not ${TAKEOVER_P95_MAX_MS}`] : [],
  };
}

/** How a run ended, in a word or two. */
export function ended({ status, code }: RunEnd): string {
  return code === undefined ? status : `${status} (${code})`;
}

function same(one: RunEnd, other: RunEnd): boolean {
  const isSame = one.id === other.id && one.text === other.text;
  return isSame && one.status === other.status && one.code === other.code;
}

function callText({ startedAtMs, endedAtMs, outcome }: ModelCall): string {
  const from = new Date(startedAtMs).toISOString().slice(11, -1);
  const until = endedAtMs === null ? 'now' : new Date(endedAtMs).toISOString().slice(11, -1);
  return `${from} to ${until} ${outcome}`;
}
