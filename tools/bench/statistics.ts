/**
 * The value below or at which `share` (0 to 1) of the values lie, by nearest rank: always one that
 * was measured. NaN without values, or
 * when one of them is NaN.
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.some((value) => Number.isNaN(value))) return NaN;
  const sorted = values.toSorted((one, other) => one - other);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The shortest time in which `slots` can do `tasks` that take `taskMs` each, in milliseconds. */
export function idealMs(tasks: number, slots: number, taskMs: number): number {
  return Math.ceil(tasks / slots) * taskMs;
}
