/**
 * Now, in epoch milliseconds with sub-millisecond precision. Monotonic within the process, and
 * comparable with `performance.timeOrigin + performance.now()` of another process on this machine.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
