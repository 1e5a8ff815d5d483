/**
 * Now, in epoch milliseconds with fractions, from a monotonic clock. The simulator's log uses the
 * same one; what NATS stamps is the system's clock, which on one machine is the same time.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
