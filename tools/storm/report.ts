/** The storm in numbers. */
import { percentile } from '@switchboard/testkit';

import type { Ledger } from './ledger.ts';
import { outcomeOf } from './oracle/ends.ts';
import type { IdleInterval } from './oracle/idle.ts';
import type { Overlap } from './oracle/overlaps.ts';
import type { Violation } from './oracle/violation.ts';

export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface StormFigures {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: boolean;
  readonly requests: number;
  /** Runs that the queue took. */
  readonly accepted: number;
  /** How the accepted ones ended, by the event log. */
  readonly ends: Readonly<Record<string, number>>;
  /** What clients saw. */
  readonly seen: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly takeovers: number;
  readonly overlaps: { readonly excused: number; readonly wrong: number };
  readonly maxRunning: number;
  /** Milliseconds in which a slot was idle while a request waited, away from faults. */
  readonly idleInAllMs: Spread;
  /** The same without the moments in which the machine had no time left. */
  readonly idleWhileWaitingMs: Spread;
  /** Share of all processors' time that was used, by whomever. */
  readonly machineBusyShare: number;
  /** Share of it that the host of this virtual machine gave to others. */
  readonly machineStolenShare: number;
  readonly longestIdle: readonly IdleInterval[];
  /** Tokens that the model made after the client's socket had closed, away from faults. */
  readonly tokensAfterLeaving: Spread;
  /** Refusals of users below their cap while a process or NATS was away. */
  readonly refusedDuringFaults: number;
}

export interface StormResult extends StormFigures {
  readonly violations: readonly Violation[];
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { count: 0, p50: 0, p99: 0, max: 0 };
  const at = (p: number): number => Math.round(percentile(values, p) * 10) / 10;
  return { count: values.length, p50: at(50), p99: at(99), max: at(100) };
}

export function countBy(items: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).toSorted(([, a], [, b]) => b - a));
}

/** Claims beyond the first of a run. */
export function takeovers(ledger: Ledger): number {
  return [...ledger.runs.values()].reduce((sum, { claims }) => {
    return sum + Math.max(0, new Set(claims.map(({ attempt }) => attempt)).size - 1);
  }, 0);
}

export function seen(ledger: Ledger): Record<string, number> {
  const results = [...ledger.chats.values()].flatMap(({ result }) => result ?? []);
  return countBy(results.map(outcomeOf));
}

export function overlapCounts(overlaps: readonly Overlap[]): StormFigures['overlaps'] {
  const excused = overlaps.filter((overlap) => overlap.excused).length;
  return { excused, wrong: overlaps.length - excused };
}

export function table(result: StormResult): string {
  const { idleWhileWaitingMs: idle, tokensAfterLeaving: tokens } = result;
  const rows: [string, string][] = [
    ['seed', String(result.seed)],
    ['requests sent', String(result.requests)],
    ['accepted', String(result.accepted)],
    ['ends', list(result.ends)],
    ['seen by clients', list(result.seen)],
    ['faults', list(result.faults)],
    ['take-overs', String(result.takeovers)],
    ['overlaps', `${result.overlaps.wrong} wrong, ${result.overlaps.excused} excused`],
    ['most running at once', String(result.maxRunning)],
    ['idle while waiting, ms', spreadText(idle)],
    ['  with a saturated machine', spreadText(result.idleInAllMs)],
    ['  machine', machineText(result)],
    ...result.longestIdle.map((each): [string, string] => ['  the longest', idleText(each)]),
    ['tokens after leaving', spreadText(tokens)],
    ['429 below the cap in faults', String(result.refusedDuringFaults)],
    ['violations', String(result.violations.length)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function machineText({ machineBusyShare, machineStolenShare }: StormFigures): string {
  return `${percent(machineBusyShare)} busy, ${percent(machineStolenShare)} taken by its host`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function idleText({ fromMs, ms, waiting, busy }: IdleInterval): string {
  const at = new Date(fromMs).toISOString();
  return `${ms.toFixed(1)} ms at ${at}: at least ${busy} busy, at most ${waiting} waiting`;
}

function list(counts: Readonly<Record<string, number>>): string {
  const items = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return items.length === 0 ? 'none' : items.join(', ');
}

function spreadText({ count, p50, p99, max }: Spread): string {
  return count === 0 ? 'none' : `p50 ${p50}, p99 ${p99}, max ${max} (${count})`;
}
