import { SwitchboardError } from '@switchboard/contract';

/** What a caller is told while NATS does not take or answer what a run needs. */
export function queueUnavailable(cause?: unknown): SwitchboardError {
  return new SwitchboardError(
    'queue_unavailable',
    'The request queue cannot be reached. Try again in a moment.',
    { retryAfterMs: 2_000, cause },
  );
}
