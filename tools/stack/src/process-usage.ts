import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessUsage {
  /** User and system time since the process started. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

export interface NamedProcess {
  readonly name: string;
  readonly pid: number;
}

/** Usage of processes by name, such as `worker 1`. */
export type UsageByName = ReadonlyMap<string, ProcessUsage>;

const run = promisify(execFile);
/** Linux counts in these for every program, whatever the kernel's own clock does. */
const TICKS_PER_SECOND = 100;
const KIB = 1_024;

export async function usageOf(processes: readonly NamedProcess[]): Promise<UsageByName> {
  const usages = processes.map(async ({ name, pid }) => [name, await usage(pid)] as const);
  return new Map(await Promise.all(usages));
}

/** CPU seconds that each process took between two looks. */
export function cpuBetween(before: UsageByName, after: UsageByName): ReadonlyMap<string, number> {
  const taken = [...after].map(([name, { cpuSeconds }]) => {
    return [name, cpuSeconds - (before.get(name)?.cpuSeconds ?? 0)] as const;
  });
  return new Map(taken);
}

async function usage(pid: number): Promise<ProcessUsage> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-o', 'cputime=,rss=', '-p', String(pid)]);
    return parsePs(stdout);
  }
  const [stat, status] = await Promise.all([
    fs.readFile(`/proc/${pid}/stat`, 'utf8'),
    fs.readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  return { cpuSeconds: parseStat(stat), residentBytes: parseStatus(status) };
}

/** User and system time of `/proc/<pid>/stat`, in seconds. */
export function parseStat(stat: string): number {
  // The name of the program is in brackets and may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of `/proc/<pid>/status`, in bytes. */
export function parseStatus(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * KIB;
}

/** One line of `ps -o cputime=,rss=`: `1-02:03:04 5678`, or `3:04.05 5678` on macOS. */
export function parsePs(line: string): ProcessUsage {
  const [time = '', resident = ''] = line.trim().split(/\s+/);
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time];
  const parts = (clock ?? '').split(':').map(Number);
  const seconds = parts.reduce((sum, part) => sum * 60 + part, 0);
  const cpuSeconds = Number(days) * 86_400 + seconds;
  return { cpuSeconds, residentBytes: Number(resident) * KIB };
}
