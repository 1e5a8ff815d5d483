/** Whether slow connections hold up somebody who sends whole requests. */
import { percentile } from '@switchboard/testkit';

import type { ChatOutcome } from './chat-call.ts';
import { callText } from './refusal-judge.ts';
import type { DrillResult } from './result.ts';

/** The same user's requests without slow connections, and with them. */
export interface SlowPair {
  readonly quiet: readonly ChatOutcome[];
  readonly slow: readonly ChatOutcome[];
  /** Slow connections that were open at the end of the second half. */
  readonly open: number;
}

export const SLOWER_MAX = 2;

export function judgeSlowPairs(pairs: readonly SlowPair[], connections: number): Judged {
  const violations = pairs.flatMap(({ open, quiet, slow }) => {
    const bad = [...quiet, ...slow].filter(({ status }) => status !== 200).map(callText);
    const isFew = open < connections * 0.9;
    return isFew ? [...bad, `only ${open} slow connections were open`] : bad;
  });
  const [quietMs, slowMs] = [medianP95(pairs, 'quiet'), medianP95(pairs, 'slow')];
  const ratio = slowMs / quietMs;
  if (ratio > SLOWER_MAX) violations.push(`p95 ${ratio.toFixed(2)} times as long`);
  const each = (half: 'quiet' | 'slow'): string =>
    pairs.map((pair) => p95(pair[half]).toFixed(1)).join(', ');
  return {
    figures: {
      'p95 without slow connections': `${quietMs.toFixed(1)} ms (${each('quiet')})`,
      [`p95 with ${connections} of them`]: `${slowMs.toFixed(1)} ms (${each('slow')})`,
      ratio: ratio.toFixed(2),
    },
    violations,
  };
}

type Judged = Pick<DrillResult, 'figures' | 'violations'>;

function medianP95(pairs: readonly SlowPair[], half: 'quiet' | 'slow'): number {
  return percentile(
    pairs.map((pair) => p95(pair[half])),
    50,
  );
}

function p95(calls: readonly ChatOutcome[]): number {
  return percentile(
    calls.map(({ endedAtMs, sentAtMs }) => endedAtMs - sentAtMs),
    95,
  );
}
