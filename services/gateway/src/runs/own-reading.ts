import { isEnd } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { StopReason } from '../exchange/exchange.ts';
import type { Reading } from '../exchange/reading.ts';
import { ruleOf } from '../http-errors/http-errors.ts';
import type { Order } from './admission.ts';
import type { CancelReason, Run } from './runs.ts';

const CANCEL_REASONS: Readonly<Record<StopReason, CancelReason>> = {
  client_gone: 'client_gone',
  slow_reader: 'deadline',
  shutdown: 'shutdown',
  failed: 'deadline',
};

/** A run of this gateway, as its creator reads it. */
export function ownReading(run: Run, { keyed, resumable, submission }: Order): Reading {
  const { onDisconnect } = submission;
  return {
    run: run.run,
    acceptedAtMs: run.acceptedAtMs,
    runsOnUnseen: keyed === undefined && (resumable || onDisconnect !== 'cancel'),
    events: (signal) => run.events(signal),
    leave: (reason) => {
      if (onDisconnect === 'continue' || (reason === 'shutdown' && resumable)) run.detach();
      // Others may read it: only the last to leave ends it.
      else run.close(CANCEL_REASONS[reason]);
    },
    detach: () => run.detach(),
  };
}

/** Whether an event ends a run in a way that is not remembered under its key. */
export function isForgotten(event: RunEvent): boolean {
  if (!isEnd(event)) return false;
  if (event.type === 'cancelled') return true;
  return event.type === 'failed' && ruleOf(event.code).retry === 'safe';
}
