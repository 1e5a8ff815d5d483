/** Whether the runs of a kill drill kept the promises. */
import { percentile } from '@switchboard/testkit';

import type { RunEnd, RunResult } from './background-run.ts';
import type { Election } from './nats-kills.ts';
import type { ModelCall } from './simulator-log.ts';
import { difference } from './words.ts';

const TAKEOVER_P95_MAX_MS = 20_000;
/** Suspects wait for each other, too: one at a time in a worker. */
const SUSPECT_MAX_MS = 120_000;
/** A run is given up when so many workers died on it. */
const LOST_WORKERS_MAX = 3;

/** A worker that has had the whole answer for so long without storing its end gives it up. */
const UNSTORED_MAX_MS = 12_000;
/** From the death of a worker until the model knows. */
const NOTICED_MS = 2_000;

export interface Evidence {
  /** How the run was found when everything was over. */
  readonly later: RunEnd | undefined;
  readonly workersKilledAtMs: readonly number[];
}

/** What one run did wrong. `calls` are the model's. */
export function problemsOf(
  { plan, end, problem, again }: RunResult,
  calls: readonly ModelCall[],
  { later, workersKilledAtMs }: Evidence,
): string[] {
  const at = `run ${end?.id ?? plan.id} (${plan.id}, ${plan.model})`;
  const problems: string[] = [];
  if (problem !== undefined) problems.push(problem);
  if (end !== undefined) problems.push(...endProblems(end, plan, calls, workersKilledAtMs));
  for (const [when, other] of Object.entries({ 'the same POST': again, 'a later GET': later })) {
    if (end === undefined || other === undefined || same(end, other)) continue;
    problems.push(`two ends: first ${ended(end)}, by ${when} ${ended(other)} of ${other.id}`);
  }
  const overlap = overlapMs(calls);
  if (overlap > 0) problems.push(`executed twice at once for ${overlap.toFixed(0)} ms`);
  const story = calls.map(callText).join(', ');
  return problems.map((each) => `${at}: ${each}; model calls: ${story || 'none'}`);
}

function endProblems(
  end: RunEnd,
  plan: RunResult['plan'],
  calls: readonly ModelCall[],
  killedAtMs: readonly number[],
): string[] {
  const lost = calls.filter((call) => isLost(call, killedAtMs)).length;
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

/** Whether its worker was lost: in the middle, or with the whole answer before it had stored it. */
function isLost({ startedAtMs, endedAtMs, outcome }: ModelCall, killedAtMs: readonly number[]) {
  if (outcome === 'aborted') return true;
  const untilMs = (endedAtMs ?? Infinity) + UNSTORED_MAX_MS;
  return killedAtMs.some((atMs) => atMs >= startedAtMs && atMs <= untilMs);
}

/** Calls that were broken off although no worker was killed: it could not store anything. */
export function givenUp(calls: readonly ModelCall[], killedAtMs: readonly number[]): number {
  return calls.filter(({ outcome, endedAtMs }) => {
    if (outcome !== 'aborted' || endedAtMs === null) return false;
    return !killedAtMs.some((atMs) => Math.abs(endedAtMs - atMs) < NOTICED_MS);
  }).length;
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

export interface Takeover {
  /** The plan's id. */
  readonly run: string;
  /** When its worker died, epoch milliseconds. */
  readonly lostAtMs: number;
  readonly tookMs: number;
  /** Workers were lost on the run before: it has to be alone, and waits for that. */
  readonly suspect?: boolean;
}

/** From each call that its worker's death broke off to the next one, or to the end of the run. */
export function takeoversOf({ plan, endSeenAtMs }: RunResult, calls: readonly ModelCall[]) {
  return calls.flatMap(({ outcome, endedAtMs }, index): Takeover[] => {
    if (outcome !== 'aborted' || endedAtMs === null) return [];
    const tookMs = (calls[index + 1]?.startedAtMs ?? endSeenAtMs) - endedAtMs;
    const suspect = calls.slice(0, index).some((call) => call.outcome === 'aborted');
    return [{ run: plan.id, lostAtMs: endedAtMs, tookMs, suspect }];
  });
}

/**
 * The rows of the table, and a violation that names the slow ones if take-overs take too long.
 * Nobody can take over while nobody leads the log, so on several nats-servers an election's time
 * does not count for the bound; both are reported. A suspect runs alone and waits until it can: it
 * has a bound of its own.
 */
export function takeoverFigures(takeovers: readonly Takeover[], elections: readonly Election[]) {
  if (takeovers.length === 0) return { figures: { takeovers: 0 }, violations: [] };
  const suspects = takeovers.filter(({ suspect }) => suspect === true);
  const counted = takeovers
    .filter(({ suspect }) => suspect !== true)
    .map((each) => ({ ...each, tookMs: withoutElections(each, elections) }));
  const slow = counted
    .filter(({ tookMs }) => tookMs > TAKEOVER_P95_MAX_MS)
    .map(
      ({ run, lostAtMs, tookMs }) => `${run} lost at ${timeText(lostAtMs)} ${tookMs.toFixed(0)} ms`,
    );
  const p95 = Math.round(percentile(timesOf(counted), 95));
  const violation = `takeover p95 is ${p95} ms, not ${TAKEOVER_P95_MAX_MS}: ${slow.join(', ')}`;
  const longest = Math.max(0, ...elections.map(({ fromMs, untilMs }) => untilMs - fromMs));
  return {
    figures: {
      takeovers: takeovers.length,
      'takeover ms': summaryOf(takeovers),
      ...(suspects.length === 0
        ? {}
        : { 'lost once': summaryOf(counted), 'lost before, so alone': summaryOf(suspects) }),
      ...(elections.length === 0
        ? {}
        : { 'without elections': summaryOf(counted), 'longest election ms': longest }),
    },
    violations: [
      ...(p95 <= TAKEOVER_P95_MAX_MS ? [] : [violation]),
      ...suspects.filter(({ tookMs }) => tookMs > SUSPECT_MAX_MS).map(tooLate),
    ],
  };
}

function tooLate({ run, tookMs }: Takeover): string {
  return `${run}: a suspect waited ${tookMs.toFixed(0)} ms, not ${SUSPECT_MAX_MS}`;
}

function withoutElections({ lostAtMs, tookMs }: Takeover, elections: readonly Election[]): number {
  const doneAtMs = lostAtMs + tookMs;
  return elections.reduce((left, { fromMs, untilMs }) => {
    return left - Math.max(0, Math.min(untilMs, doneAtMs) - Math.max(fromMs, lostAtMs));
  }, tookMs);
}

function summaryOf(takeovers: readonly Takeover[]): string {
  const [p50, p95, most] = [50, 95, 100].map((p) => Math.round(percentile(timesOf(takeovers), p)));
  return `p50 ${p50}, p95 ${p95}, max ${most}`;
}

function timesOf(takeovers: readonly Takeover[]): readonly number[] {
  return takeovers.map(({ tookMs }) => tookMs);
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
  const until = endedAtMs === null ? 'now' : timeText(endedAtMs);
  return `${timeText(startedAtMs)} to ${until} ${outcome}`;
}

/** `13:05:00.123` of an epoch time in milliseconds. */
function timeText(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, -1);
}
