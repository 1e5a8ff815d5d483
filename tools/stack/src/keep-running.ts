import { setTimeout as delay } from 'node:timers/promises';

import { type ManagedProcess, ProcessStartError, describeExit } from './managed-process.ts';
import type { ServiceProcess } from './service.ts';

/** The first wait before a process is started again; each time it does not last, twice as long. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** A process that has run for so long is none that fails at once. */
const LASTING_MS = 60_000;

export interface KeepRunningOptions<S extends ServiceProcess> {
  readonly first: S;
  readonly start: () => Promise<S>;
  /** It is ready, in the place of the one before. */
  readonly onStarted: (started: S) => void;
  /** It ended, or did not start, and is started again after that. */
  readonly onEnded: (name: string, how: string, waitMs: number) => void;
}

/**
 * Starts a process again each time it ends unasked, as a cluster would: for ever, with a growing
 * wait. Resolves once it was asked to end, or `stop` is aborted. Never rejects.
 */
export async function keepRunning<S extends ServiceProcess>(
  { first, start, onStarted, onEnded }: KeepRunningOptions<S>,
  stop: AbortSignal,
): Promise<void> {
  let waitMs = FIRST_WAIT_MS;
  let running: ManagedProcess | undefined = first.process;
  let how = '';
  while (!stop.aborted) {
    if (running !== undefined) {
      const sinceMs = performance.now();
      how = describeExit(await running.exited);
      if (running.endAskedFor || stop.aborted) return;
      if (performance.now() - sinceMs > LASTING_MS) waitMs = FIRST_WAIT_MS;
    }
    onEnded(first.process.name, how, waitMs);
    // Rejects only by the abort, which ends the loop.
    await delay(waitMs, undefined, { signal: stop }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    if (stop.aborted) return;
    try {
      const started = await start();
      running = started.process;
      if (stop.aborted) await running.stop();
      else onStarted(started);
    } catch (error) {
      if (!(error instanceof ProcessStartError)) throw error;
      running = undefined;
      how = error.message.split('\n')[0] ?? '';
    }
  }
}
