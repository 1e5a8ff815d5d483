/** Whether a soak kept every bound, every answer and a flat memory. */
import { percentile } from '@switchboard/testkit';

import type { DrillResult } from './result.ts';
import type { SoakKind, SoakResult } from './soak-request.ts';
import type { Sample } from './soak-sampler.ts';

/** A limit in bytes, and the share of it that the load must have reached. */
export interface Limit {
  readonly stream: string;
  readonly bytes: number;
  readonly reached: number;
}

/** Requests that are refused while the stream is full, of which there must be some. */
const REFUSED: Readonly<Record<string, readonly SoakKind[]>> = {
  KV_responses: ['stored response', 'background'],
  KV_idempotency: ['keyed chat'],
  KV_inputs: ['large chat'],
};
/** Nothing is kept of them: no full bucket may refuse them. */
const NEVER_REFUSED: readonly SoakKind[] = ['brief chat', 'chat stream'];

const MIB = 1_024 ** 2;
/**
 * Resident memory of the last quarter may exceed that of the first by so much, median for median.
 * With the load of a soak and its collector that is a leak of about 12 KiB a request in two
 * minutes, and of 2 KiB in ten.
 */
export const RESIDENT_GROWTH_MAX_BYTES = 16 * MIB;
/** Until a process has warmed up its memory says nothing. */
const WARM_UP_SHARE = 1 / 6;

type Judged = Pick<DrillResult, 'figures' | 'violations'>;

export function judgeBounds(samples: readonly Sample[], limits: readonly Limit[]): Judged {
  const figures: Record<string, string> = {};
  const violations: string[] = [];
  for (const { bytes, reached, stream } of limits) {
    const sizes = samples.flatMap(({ streams }) => streams.get(stream) ?? []);
    const most = Math.max(0, ...sizes);
    const share = most / bytes;
    figures[`most in ${stream}`] = `${mib(most)} of ${mib(bytes)}`;
    if (share > 1) violations.push(`${stream} held ${most} bytes; its limit is ${bytes}`);
    if (share < reached) violations.push(`${stream} was never full: nothing was tried`);
  }
  return { figures, violations };
}

export function judgeMemory(samples: readonly Sample[]): Judged {
  const figures: Record<string, string> = {};
  const violations: string[] = [];
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const quarter = Math.floor(warm.length / 4);
  for (const name of samples[0]?.residentBytes.keys() ?? []) {
    const median = (part: readonly Sample[]): number =>
      percentile(
        part.flatMap(({ residentBytes }) => residentBytes.get(name) ?? []),
        50,
      );
    const [first, last] = [median(warm.slice(0, quarter)), median(warm.slice(-quarter))];
    figures[`memory of ${name}`] = `${mib(first)} in the first quarter, ${mib(last)} in the last`;
    if (last - first > RESIDENT_GROWTH_MAX_BYTES) {
      violations.push(`${name} grew from ${mib(first)} to ${mib(last)}`);
    }
  }
  return { figures, violations };
}

export function judgeAnswers(results: readonly SoakResult[]): Judged {
  const violations = results
    .filter(({ outcome }) => outcome === 'wrong')
    .map(({ evidence, id }) => `${id}: ${evidence ?? ''}`);
  const figures: Record<string, string> = {};
  for (const kind of new Set(results.map((result) => result.kind))) {
    const own = results.filter((result) => result.kind === kind);
    const whole = own.filter(({ outcome }) => outcome === 'whole').length;
    const full = own.filter(({ outcome }) => outcome === 'full').length;
    figures[kind] = `${whole} whole, ${full} refused as storage_full`;
    if (full > 0 && NEVER_REFUSED.includes(kind)) {
      violations.push(`${full} of ${kind} were refused, of which nothing is kept`);
    }
  }
  for (const [stream, kinds] of Object.entries(REFUSED)) {
    const own = (stream === 'KV_inputs' ? beforeKeysAreFull(results) : results).filter((result) =>
      kinds.includes(result.kind),
    );
    const { figure, problem } = judgeFull(own);
    figures[`while ${stream} was full`] = figure;
    if (problem !== undefined) violations.push(`${stream}: ${problem}`);
  }
  return { figures, violations };
}

/** A large chat has a note among the idempotency keys: when those are full it is refused too. */
function beforeKeysAreFull(results: readonly SoakResult[]): readonly SoakResult[] {
  const full = results.find(({ kind, outcome }) => kind === 'keyed chat' && outcome === 'full');
  return results.filter(({ endedAtMs }) => endedAtMs < (full?.endedAtMs ?? Infinity));
}

/** What became of others, of the requests that a stream refused when it was full. */
function judgeFull(results: readonly SoakResult[]): { figure: string; problem?: string } {
  const refused = results.filter(({ outcome }) => outcome === 'full');
  const whole = results.filter(({ outcome }) => outcome === 'whole');
  const meanwhile = whole.filter(({ endedAtMs, sentAtMs }) =>
    refused.some((other) => sentAtMs < other.endedAtMs && other.endedAtMs < endedAtMs),
  ).length;
  const firstAtMs = refused[0]?.endedAtMs ?? Infinity;
  const later = whole.filter(({ sentAtMs }) => sentAtMs > firstAtMs).length;
  const figure = `${refused.length} refused, ${meanwhile} ended whole, ${later} were taken later`;
  if (refused.length === 0) return { figure, problem: 'nothing was refused' };
  if (meanwhile === 0) return { figure, problem: 'nothing was seen to end while it was full' };
  return later === 0 ? { figure, problem: 'nothing was taken any more' } : { figure };
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(2)} MiB`;
}
