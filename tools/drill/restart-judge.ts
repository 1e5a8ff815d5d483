/** Whether the callers of a restart drill got what they were promised. */
import type { StreamResult } from './client-stream.ts';
import { PLAIN_KINDS, type PlainResult } from './plain-user.ts';
import type { DrillResult } from './result.ts';
import type { ModelCall } from './simulator-log.ts';
import { difference, repeatedWords } from './words.ts';

/** Longer than both gateways need to restart: whatever runs meanwhile is cut. */
const SURELY_CUT_S = 30;

export interface Calls {
  of(request: string): readonly ModelCall[];
}

type Judged = Pick<DrillResult, 'figures' | 'violations'>;

/** Users of the client notice nothing. */
export function judgeStreams(
  results: readonly StreamResult[],
  calls: Calls,
  streamSeconds: number,
): Judged {
  const violations: string[] = [];
  let [broken, lost, repeated, paidTwice] = [0, 0, 0, 0];
  for (const { id, expected, text, failure } of results) {
    const twice = repeatedWords(text);
    if (failure !== undefined) violations.push(`stream ${id} broke: ${failure}`);
    else if (text !== expected) violations.push(`stream ${id}: ${difference(expected, text)}`);
    broken += failure === undefined ? 0 : 1;
    lost += failure === undefined && text !== expected && twice === 0 ? 1 : 0;
    repeated += twice;
    const { length: asked } = calls.of(id);
    if (asked !== 1) violations.push(`stream ${id}: the model was asked ${asked} times`);
    paidTwice += asked > 1 ? 1 : 0;
  }
  const cuts = results.map(cutsOf);
  const cutCount = cuts.reduce((sum, count) => sum + count, 0);
  const first = results.filter(({ id }) => id.endsWith('-0'));
  const uncut = first.filter((result) => cutsOf(result) === 0).length;
  if (streamSeconds > SURELY_CUT_S && uncut > 0) {
    violations.push(`${uncut} of the first streams were never cut`);
  }
  if (cutCount === 0) violations.push('no stream was cut: nothing was tried');
  const figures = {
    streams: results.length,
    'words expected': results.reduce((sum, { expected }) => sum + expected.split(' ').length, 0),
    lost,
    'words twice': repeated,
    broken,
    'model asked twice': paidTwice,
    'cut and resumed': cutCount,
    'streams that were cut': cuts.filter((count) => count > 0).length,
    'most cuts of one stream': Math.max(0, ...cuts),
    'attempts refused': results.reduce((sum, { refused }) => sum + refused, 0),
  };
  return { figures, violations };
}

/** Connections that had begun and were cut. */
export function cutsOf({ opened }: Pick<StreamResult, 'opened'>): number {
  return Math.max(0, opened - 1);
}

/** Users of the plain SDK get whole answers, or ends that say how to go on. */
export function judgePlainUsers(results: readonly PlainResult[], calls: Calls): Judged {
  const violations = results.flatMap((result) => plainProblems(result, calls.of(result.id)));
  const figures: Record<string, string | number> = { 'plain SDK answers': results.length };
  for (const kind of PLAIN_KINDS) {
    const own = results.filter((result) => result.kind === kind);
    const marked = own.reduce((sum, result) => sum + result.marked, 0);
    const refused = own.reduce((sum, result) => sum + result.refused, 0);
    const ended = own.filter((result) => result.ended).length;
    const ends = `${marked} streams ended resumable, ${refused} times 503`;
    figures[`  ${kind}`] = `${own.length - ended} whole, ${ended} ended; ${ends}`;
    if (marked + refused === 0) violations.push(`no ${kind} was cut: nothing was tried`);
  }
  return { figures, violations };
}

function plainProblems(result: PlainResult, calls: readonly ModelCall[]): string[] {
  const { ended, expected, failure, id, kind, text } = result;
  const at = `${kind} ${id} of the plain SDK`;
  if (failure !== undefined) return [`${at} broke: ${failure}`];
  const problems: string[] = [];
  if (ended ? !expected.startsWith(text) : text !== expected) {
    problems.push(`${at}: ${difference(expected, text)}`);
  }
  if (calls.length !== 1) problems.push(`${at}: the model was asked ${calls.length} times`);
  if (ended && calls.some(({ outcome }) => outcome === 'running')) {
    problems.push(`${at}: has ended, but the model goes on`);
  }
  return problems;
}
