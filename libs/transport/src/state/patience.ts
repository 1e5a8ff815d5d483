/** How a call on stored state fails: tried again while that may help, then said in a public way. */
import { SwitchboardError } from '@switchboard/contract';
import { StoreError } from '../link/store.ts';

/** Longest that one call tries, and longest wait for one answer. */
const PATIENCE_MS = 5_000;
export const ANSWER_TIMEOUT_MS = 2_000;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 500;

/** What is wrong when a disk, an account or a server holds as much as it may. */
const FULL = /insufficient (storage )?resources|resource limits exceeded|no space left/i;

/**
 * Calls `attempt` until it succeeds, for at most 5 s: elections, lost answers and short breaks of
 * the connection pass. `attempt` must be safe to repeat.
 * @throws SwitchboardError `storage_full`, `queue_unavailable`
 */
export async function patiently<T>(attempt: () => Promise<T>, onTrouble?: () => void): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (isFull(error)) throw storageFull(error);
      if (!mayPass(error)) throw error;
      if (performance.now() + delayMs > until) throw stateUnavailable(error);
      if (error.failure === 'away') onTrouble?.();
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

export function stateUnavailable(cause?: unknown): SwitchboardError {
  return new SwitchboardError(
    'queue_unavailable',
    'The store of answers cannot be reached. Try again in a moment.',
    { retryAfterMs: 2_000, cause },
  );
}

export function storageFull(cause?: unknown): SwitchboardError {
  return new SwitchboardError(
    'storage_full',
    'No more can be stored until something stored earlier is deleted or expires.',
    { retryAfterMs: 60_000, cause },
  );
}

/** Whether an error of NATS says that there is no room, whichever limit it is. */
export function isFull(error: Error): boolean {
  const limit = error instanceof StoreError && error.failure === 'stream_full';
  return limit || FULL.test(error.message);
}

function mayPass({ failure }: StoreError): boolean {
  return failure === 'away' || failure === 'unknown';
}
