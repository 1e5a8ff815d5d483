/** SIGTERM and SIGINT: a graceful end with exit code 0. */
import type { Lifecycle } from './lifecycle.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** A signal repeated within this time is the same impatient finger, not a decision (ms). */
const FORCE_AFTER_MS = 5_000;

interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

interface SignalLog {
  warn(fields: object, message: string): void;
}

export interface SignalOptions {
  readonly log: SignalLog;
  /** Replaced in tests; default: the process. */
  readonly source?: SignalSource;
  readonly exit?: (code: number) => void;
}

/**
 * Ends the process with 0 when the shutdown that a signal begins is over. It exits by itself: as
 * process 1 of a container a process survives its own signal, and a forgotten handle would keep it.
 * A signal within 5 s of the first changes nothing, so that Ctrl-C pressed twice loses no work;
 * later ones exit with 1 at once. Returns a function that stops listening.
 */
export function shutdownOnSignals(lifecycle: Lifecycle, options: SignalOptions): () => void {
  const source = options.source ?? process;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  let forceable = false;
  let begun = false;
  let timer: NodeJS.Timeout | undefined;

  const end = async (signal: NodeJS.Signals) => {
    await lifecycle.shutdown(signal);
    stop();
    exit(0);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (forceable) {
      options.log.warn({ signal }, 'second signal: exiting without waiting');
      exit(1);
    } else if (begun) {
      options.log.warn({ signal }, 'already shutting down; again after 5 s to force it');
    } else {
      begun = true;
      timer = setTimeout(() => {
        forceable = true;
      }, FORCE_AFTER_MS);
      // shutdown() never rejects.
      void end(signal);
    }
  };
  const stop = () => {
    clearTimeout(timer);
    for (const signal of SIGNALS) source.off(signal, onSignal);
  };
  for (const signal of SIGNALS) source.on(signal, onSignal);
  return stop;
}
