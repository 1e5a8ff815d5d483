/** Requests that end when they are taken, without running. */
import {
  encodeEvents,
  MAX_ATTEMPTS,
  runEnd,
  runEvents,
  type RunRequest,
  SwitchboardError,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import { type Delivery, storedAtMs } from './delivery.ts';
import { CALLER_GONE } from './run-ends.ts';

/** Clocks of two machines may differ by this much before a queue timeout is doubted. */
const CLOCK_SKEW_MS = 5_000;

/** Why a run that was just claimed is not to be run. */
export function refusalOf(
  delivery: Delivery,
  request: RunRequest,
  { attempt, lostBefore }: { readonly attempt: number; readonly lostBefore: number },
): SwitchboardError | undefined {
  if (lostBefore >= MAX_ATTEMPTS) {
    return new SwitchboardError(
      'too_many_attempts',
      `The run was given up: ${MAX_ATTEMPTS} workers were lost while they ran it.`,
    );
  }
  // The gateway's own act; this is for requests whose gateway is gone.
  const waitedMs = Date.now() - storedAtMs(delivery);
  if (attempt === 1 && waitedMs > request.queueTimeoutMs + CLOCK_SKEW_MS) {
    return new SwitchboardError('queue_timeout', 'No slot became free in time.');
  }
  return undefined;
}

/**
 * Ends a run that nobody waits for any more, if nobody has begun it.
 * @returns false when somebody has begun or ended it. @throws StoreError
 */
export async function endUnbegun(link: NatsLink, run: string): Promise<boolean> {
  try {
    await store(link, runEnd(run), encodeEvents({ a: 0, n: 1, e: [CALLER_GONE] }), {
      expectedLast: 0,
      filter: runEvents(run),
      timeoutMs: 2_000,
    });
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'conflict') return false;
    throw error;
  }
}
