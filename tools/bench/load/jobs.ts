import type { BurstJob, BurstResult } from './burst.ts';
import type { GapsJob, GapsResult } from './gaps.ts';
import type { LeavesJob, LeavesResult } from './leaves.ts';
import type { PairsJob, PairsResult } from './pairs.ts';
import type { SinglesJob, SinglesResult } from './singles.ts';
import type { StreamsJob, StreamsResult } from './streams.ts';
import type { ThroughputJob, ThroughputResult } from './throughput.ts';

/** What the load client can be told to do, and what it answers. */
export interface Jobs {
  readonly pairs: { readonly job: PairsJob; readonly result: PairsResult };
  readonly singles: { readonly job: SinglesJob; readonly result: SinglesResult };
  readonly burst: { readonly job: BurstJob; readonly result: BurstResult };
  readonly streams: { readonly job: StreamsJob; readonly result: StreamsResult };
  readonly gaps: { readonly job: GapsJob; readonly result: GapsResult };
  readonly leaves: { readonly job: LeavesJob; readonly result: LeavesResult };
  readonly throughput: { readonly job: ThroughputJob; readonly result: ThroughputResult };
}

export type JobKind = keyof Jobs;

export type JobMessage = {
  readonly [Kind in JobKind]: { readonly kind: Kind; readonly job: Jobs[Kind]['job'] };
}[JobKind];

export type ResultMessage =
  { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: string };
