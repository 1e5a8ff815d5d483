/** The ends that a gateway itself gives a run. */
import type { RunEnd } from '@switchboard/contract';

export const NO_WORKER: RunEnd = {
  type: 'failed',
  code: 'worker_lost',
  message: 'The worker that ran this was lost, and no other took it over in time.',
};

export const REQUEST_LOST: RunEnd = {
  type: 'failed',
  code: 'request_lost',
  message: 'The request was removed from the queue before it could be answered.',
};

export function deadlineExceeded(deadlineMs: number): RunEnd {
  return {
    type: 'failed',
    code: 'deadline_exceeded',
    message: `The answer was not complete within ${deadlineMs / 1_000} s.`,
  };
}

export function queueTimeout(timeoutMs: number): RunEnd {
  return {
    type: 'failed',
    code: 'queue_timeout',
    message: `No slot became free within ${Math.round(timeoutMs / 1_000)} s.`,
    retryAfterMs: 5_000,
  };
}
