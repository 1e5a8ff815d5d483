import { UsageError } from './usage-error.ts';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The number that `text` is, digits only. @throws UsageError that names the flag and its range. */
export function wholeNumber(flag: string, text: string, { min, max }: Range): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new UsageError(`${flag} must be a whole number from ${min} to ${max}.`);
  }
  return number;
}
