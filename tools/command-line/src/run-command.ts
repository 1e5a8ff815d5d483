import { UsageError } from './usage-error.ts';

export interface CommandOptions {
  /** Shown below the sentence that says what is wrong with the command line. */
  readonly usage: string;
  /** What to print of another failure. May throw it, which prints its stack. */
  readonly explain: (error: unknown) => string;
}

const FAILED_EXIT_CODE = 1;
const WRONG_USAGE_EXIT_CODE = 2;
const INTERRUPTED_EXIT_CODE = 130;

/** Runs a command to its end. Its exit code is what `main` returns, 2 on wrong usage, else 1. */
export async function runCommand(
  main: () => Promise<number>,
  { explain, usage }: CommandOptions,
): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const wrongUsage = error instanceof UsageError;
    process.stderr.write(wrongUsage ? `${error.message}\n\n${usage}` : `${explain(error)}\n`);
    process.exitCode = wrongUsage ? WRONG_USAGE_EXIT_CODE : FAILED_EXIT_CODE;
  }
}

/** Ends this process on a signal, and with it what it has started. */
export function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(INTERRUPTED_EXIT_CODE));
  }
}
