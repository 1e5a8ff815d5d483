/** Whether runs that a worker had to break off ended as documented, and all others as always. */
import type { PolicyResult } from './policy-stream.ts';
import type { Calls } from './restart-judge.ts';
import type { DrillResult } from './result.ts';
import type { ModelCall } from './simulator-log.ts';
import { difference } from './words.ts';

/**
 * - `untouched`: its worker stayed.
 * - `handed back`: broken off before it had shown anything; ran again, unnoticed.
 * - `worker_lost`: broken off in mid-answer; ended so.
 * - `began again`: broken off in mid-answer; the stream has both beginnings, one after the other.
 */
type Fate = 'untouched' | 'handed back' | 'worker_lost' | 'began again';

export function judgeShortDrain(
  results: readonly PolicyResult[],
  log: Calls,
): Pick<DrillResult, 'figures' | 'violations'> {
  const fates = { untouched: 0, 'handed back': 0, worker_lost: 0, 'began again': 0 };
  const violations: string[] = [];
  for (const result of results) {
    const calls = log.of(result.id);
    const fate = fateOf(result, calls);
    fates[fate] += 1;
    const at = `stream ${result.id} (${result.policy}, ${fate}, ended ${result.end ?? 'never'})`;
    const problem = problemOf(result, fate, calls);
    if (problem !== undefined) violations.push(`${at}: ${problem}; ${story(calls)}`);
  }
  for (const [fate, count] of Object.entries(fates)) {
    if (count === 0) violations.push(`no stream was ${fate}: nothing was tried`);
  }
  return { figures: { streams: results.length, ...fates }, violations };
}

function fateOf({ end, pieces }: PolicyResult, calls: readonly ModelCall[]): Fate {
  if (end === 'worker_lost') return 'worker_lost';
  if (pieces.length > 1) return 'began again';
  return calls.some(({ outcome }) => outcome === 'aborted') ? 'handed back' : 'untouched';
}

function problemOf(
  { end, expected, failure, pieces, policy, text }: PolicyResult,
  fate: Fate,
  calls: readonly ModelCall[],
): string | undefined {
  if (failure !== undefined) return `the client threw ${failure}`;
  const aborted = calls.filter(({ outcome }) => outcome === 'aborted').length;
  const [last = '', ...earlier] = pieces.toReversed();
  if (fate === 'worker_lost') {
    if (policy !== 'fail') return 'its agent says restart';
    if (aborted !== calls.length || aborted === 0) return 'no worker had broken it off';
    if (earlier.length > 0 || last === '') return 'it had begun again, or shown nothing';
    return expected.startsWith(last) ? undefined : difference(expected, last);
  }
  if (end !== 'completed') return 'that is not documented';
  if (calls.length !== aborted + 1) return 'the model was asked more often than it was broken off';
  if (earlier.length > 0 && policy === 'fail') return 'its agent says fail';
  if (earlier.length > aborted) return 'it began again more often than it was broken off';
  const wrong = earlier.find((piece) => !expected.startsWith(piece));
  if (wrong !== undefined) return `an attempt: ${difference(expected, wrong)}`;
  if (last !== expected) return `the last attempt: ${difference(expected, last)}`;
  return text === expected ? undefined : `the response: ${difference(expected, text)}`;
}

function story(calls: readonly ModelCall[]): string {
  return `model calls: ${calls.map(({ outcome }) => outcome).join(', ') || 'none'}`;
}
