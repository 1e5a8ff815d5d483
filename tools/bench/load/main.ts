/** The load client: a process of its own, so that its cost is not the measured system's. */
import { runBurst } from './burst.ts';
import { runGaps } from './gaps.ts';
import type { JobKind, JobMessage, Jobs, ResultMessage } from './jobs.ts';
import { runLeaves } from './leaves.ts';
import { runPairs } from './pairs.ts';
import { runSingles } from './singles.ts';
import { runStreams } from './streams.ts';
import { runThroughput } from './throughput.ts';

type Handlers = {
  readonly [Kind in JobKind]: (job: Jobs[Kind]['job']) => Promise<Jobs[Kind]['result']>;
};

const HANDLERS: Handlers = {
  pairs: runPairs,
  singles: runSingles,
  burst: runBurst,
  streams: runStreams,
  gaps: runGaps,
  leaves: runLeaves,
  throughput: runThroughput,
};

async function run<Kind extends JobKind>(kind: Kind, job: Jobs[Kind]['job']): Promise<unknown> {
  return await HANDLERS[kind](job);
}

function answer(message: ResultMessage): void {
  process.send?.(message);
}

process.on('message', (message: JobMessage) => {
  run(message.kind, message.job).then(
    (result) => answer({ ok: true, result }),
    (error: unknown) => answer({ ok: false, error: String(error) }),
  );
});
// The bench is gone.
process.on('disconnect', () => process.exit(0));
