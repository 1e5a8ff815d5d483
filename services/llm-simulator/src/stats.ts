import type { RunCounts } from './run-log.ts';

/** What `GET /stats` answers: counts since the start or the last reset, and the process's state. */
export interface SimulatorStats extends RunCounts {
  readonly openSockets: number;
  /** Bytes. */
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** CPU time of the process since its start, in milliseconds; never reset. */
  readonly cpu: { readonly userMs: number; readonly systemMs: number };
}

export function simulatorStats(counts: RunCounts, openSockets: number): SimulatorStats {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    ...counts,
    openSockets,
    memory: { rss, heapUsed, external },
    cpu: { userMs: user / 1_000, systemMs: system / 1_000 },
  };
}
