export { readArguments, readFlags } from './flags.ts';
export type { Flags, Read } from './flags.ts';
export { runCommand, stopOnSignals } from './run-command.ts';
export type { CommandOptions } from './run-command.ts';
export { runTrial } from './run-trial.ts';
export type { Say, Trial } from './run-trial.ts';
export { UsageError } from './usage-error.ts';
export { wholeNumber } from './whole-number.ts';
