export { readArguments, readFlags } from './flags.ts';
export type { Flags, Read } from './flags.ts';
export { runCommand, stopOnSignals } from './run-command.ts';
export type { CommandOptions } from './run-command.ts';
export { UsageError } from './usage-error.ts';
export { wholeNumber } from './whole-number.ts';
