/**
 * The nearest-rank percentile: the smallest value that at least `p` percent of the values do not
 * exceed. `p` from 0 (the smallest) to 100 (the largest). Throws RangeError without values.
 */
export function percentile(values: readonly number[], p: number): number {
  if (!(p >= 0 && p <= 100)) throw new RangeError('a percentile is between 0 and 100');
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((p / 100) * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError('no values, no percentile');
  return value;
}
