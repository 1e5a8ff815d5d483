/** Claiming a run; one that workers were lost on only where it can run alone (`run-gate.ts`). */
import { TAKEOVER_MS } from '@switchboard/contract';
import type { Opened } from './run-claim.ts';
import type { RunGate } from './run-gate.ts';
import type { RunningRun } from './running.ts';

/**
 * For so long after a suspect's last sign of life a busy worker gives it back, to be found by one
 * that is idle. After that whoever is given it takes nothing more and waits until it is alone: a
 * fleet that is always busy must not keep it waiting for ever.
 */
export const LOOK_AROUND_MS = TAKEOVER_MS + 4_000;
/** A suspect that was given back is looked at again after this long. */
export const SUSPECT_RETRY_MS = 2_000;

export interface SuspectOptions {
  readonly gate: RunGate;
  /** Whether a run whose lost attempt had shown output is run again. */
  readonly restart: boolean;
  /** Whether this worker may take nothing for as long as that takes (`open-share.ts`). */
  readonly mayClose: () => Promise<boolean>;
  /** Nobody waits for the run any more: it is claimed to be ended, not to be run. */
  readonly unread: boolean;
  /** This process can run no suspect any more: it should be replaced. */
  readonly onWorn: (reason: string) => void;
}

/** @returns `suspect`: it is to be given back. @throws StoreError, or the reason of an abort */
export async function openRun(
  { log, pass, controller: { signal } }: RunningRun,
  { gate, restart, mayClose, unread, onWorn }: SuspectOptions,
): Promise<Opened> {
  // Nothing of an unread one is executed: it need not be alone, and keeps nobody waiting.
  const opened = await log.open(signal, { restart, alone: unread });
  if (opened.kind !== 'suspect') return opened;
  if (gate.closed) return opened;
  if (gate.crowded && opened.silentMs < LOOK_AROUND_MS) return opened;
  if (gate.abandoned > 0) onWorn('a run has to be alone, and an abandoned handler is still there');
  const alone = (await mayClose()) && (await pass.isolate(signal));
  signal.throwIfAborted();
  return alone ? await log.open(signal, { restart, alone }) : opened;
}
