/** What other people's code may do to the whole process, and how the process is replaced then. */
import type { Lifecycle } from '@switchboard/platform/lifecycle';
import { EXIT_WORN } from './exit-codes.ts';
import { catchStrayErrors } from './stray-errors.ts';
import { startWatchdog } from './watchdog.ts';

export interface GuardOptions {
  readonly lifecycle: Lifecycle;
  /** How long the main thread may be blocked; 0: for ever. */
  readonly watchdogMs: number;
  readonly log: {
    error(fields: object, message: string): void;
    fatal(fields: object, message: string): void;
  };
}

/** @returns what makes the process drain and end with {@link EXIT_WORN}; idempotent */
export function guardProcess({ lifecycle, watchdogMs, log }: GuardOptions): (why: string) => void {
  const retire = (reason: string): void => {
    if (lifecycle.state !== 'running') return;
    log.fatal({ reason, exitCode: EXIT_WORN }, 'the worker has to be replaced: it drains');
    void lifecycle.shutdown(reason).then(() => process.exit(EXIT_WORN));
  };
  catchStrayErrors({ retire, log });
  startWatchdog({ afterMs: watchdogMs, name: 'agent-worker', log });
  return retire;
}
