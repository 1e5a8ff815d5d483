/** The ends that the transport itself gives a run, and why a run is stopped. */
import type { RunEnd, SwitchboardError } from '@switchboard/contract';

/** The abort reason of a run that outlived its worker's drain. */
export class WorkerStopping extends Error {
  constructor() {
    super('the worker stops');
    this.name = 'WorkerStopping';
  }
}

/** The abort reason of a run whose gateway is gone, and that nobody came back to. */
export class CallerLost extends Error {
  constructor() {
    super('nobody reads the run any more');
    this.name = 'CallerLost';
  }
}

export const WORKER_LOST: RunEnd = {
  type: 'failed',
  code: 'worker_lost',
  message: 'The worker that ran this was lost after it had begun to answer.',
};

export const INPUT_LOST: RunEnd = {
  type: 'failed',
  code: 'request_lost',
  message: 'The input of the request is no longer stored.',
};

export const CALLER_GONE: RunEnd = { type: 'cancelled', reason: 'client_gone' };

export function failed(error: SwitchboardError): RunEnd & { type: 'failed' } {
  const { code, message, param, retryAfterMs } = error;
  return {
    type: 'failed',
    code,
    message,
    ...(param === undefined ? {} : { param }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** With its time, the same for every reader. Done once: a repeated end is the same message. */
export function stamped(end: RunEnd): RunEnd {
  return end.type === 'completed' ? { ...end, atMs: Date.now() } : end;
}
