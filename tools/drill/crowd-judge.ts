/** Whether one key that invents users holds other keys up longer than one user does. */
import { percentile } from '@switchboard/testkit';

import type { ChatOutcome } from './chat-call.ts';
import { callText } from './refusal-judge.ts';
import type { DrillResult } from './result.ts';

/**
 * What one key sends at once while others send one request each.
 * - `nothing`: for comparison.
 * - `one user`: all of it for nobody in particular.
 * - `invented users`: each request for a user of its own.
 * - `invented users, may act for them`: the same, of a key with the scope `act_for_users`.
 */
export const FLOODS = [
  'nothing',
  'one user',
  'invented users',
  'invented users, may act for them',
] as const;
export type Flood = (typeof FLOODS)[number];

export interface CrowdRound {
  readonly flood: Flood;
  /** Of the other keys. */
  readonly others: readonly ChatOutcome[];
  /** How many of the flood had been taken when the others came. */
  readonly outstanding: number;
}

export interface Crowd {
  readonly rounds: readonly CrowdRound[];
  readonly serviceMs: number;
  /** Most of the flood that may be under way at once. */
  readonly slots: number;
}

/**
 * The others may wait so many service times longer than for one user: what they wait for is the
 * end of some run, and when that comes is chance.
 */
export const TOLERANCE_SERVICE_TIMES = 1;

export function judgeCrowd({ rounds, serviceMs, slots }: Crowd): Judged {
  const figures: Record<string, string> = {};
  const violations = rounds.flatMap(({ flood, others, outstanding }) => {
    const bad = others.filter(({ status }) => status !== 200).map(callText);
    const isEmpty = flood !== 'nothing' && outstanding <= slots;
    return isEmpty ? [...bad, `${flood}: the others met no queue`] : bad;
  });
  const medians = new Map(FLOODS.map((flood) => [flood, medianP95(rounds, flood)]));
  for (const flood of FLOODS) {
    const own = rounds.filter((round) => round.flood === flood);
    const each = own.map(({ others }) => Math.round(p95(others))).join(', ');
    const before = own.map(({ outstanding }) => outstanding).join(', ');
    figures[`p95 of the others: ${flood}`] =
      `${Math.round(medians.get(flood) ?? NaN)} ms (${each}), behind ${before}`;
  }
  const mostMs = (medians.get('one user') ?? NaN) + TOLERANCE_SERVICE_TIMES * serviceMs;
  for (const flood of FLOODS) {
    const medianMs = medians.get(flood) ?? NaN;
    if (medianMs <= mostMs) continue;
    const [own, most] = [Math.round(medianMs), Math.round(mostMs)];
    violations.push(`${flood}: p95 of the others ${own} ms, at most ${most} ms by one user`);
  }
  return { figures, violations };
}

type Judged = Pick<DrillResult, 'figures' | 'violations'>;

/** One round says as much of the machine's moment as of the queue. */
function medianP95(rounds: readonly CrowdRound[], flood: Flood): number {
  const own = rounds.filter((round) => round.flood === flood);
  return percentile(
    own.map(({ others }) => p95(others)),
    50,
  );
}

function p95(calls: readonly ChatOutcome[]): number {
  return percentile(
    calls.map(({ endedAtMs, sentAtMs }) => endedAtMs - sentAtMs),
    95,
  );
}
