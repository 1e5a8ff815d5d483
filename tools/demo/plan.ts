import { UsageError } from '@switchboard/command-line';

import type { DemoOptions } from './options.ts';

/** One half of the demo: the same chats against so many slots. */
export interface Half {
  readonly title: 'Before' | 'After';
  readonly workers: number;
  readonly poolSize: number;
  readonly slots: number;
  /** The shortest time in which so many slots can answer all users. */
  readonly idealSeconds: number;
}

export interface Plan {
  readonly before: Half | undefined;
  readonly after: Half;
}

/** Longer than this nobody watches, and the queue forgets its messages. */
const HALF_MAX_SECONDS = 3_000;

/** What will run. Throws UsageError when it would take too long. */
export function planDemo(options: DemoOptions): Plan {
  const plan = {
    before: options.before ? half('Before', 1, 1, options) : undefined,
    after: half('After', options.workers, options.poolSize, options),
  };
  const longest = Math.max(plan.before?.idealSeconds ?? 0, plan.after.idealSeconds);
  if (longest > HALF_MAX_SECONDS) {
    const way = plan.before === undefined ? '' : ', or --no-before';
    throw new UsageError(
      `That would take ${duration(longest)}; at most ${duration(HALF_MAX_SECONDS)} are allowed: ` +
        `choose fewer users, less thinking${way}.`,
    );
  }
  return plan;
}

function half(
  title: Half['title'],
  workers: number,
  poolSize: number,
  { users, thinkSeconds }: DemoOptions,
): Half {
  const slots = workers * poolSize;
  return {
    title,
    workers,
    poolSize,
    slots,
    idealSeconds: idealSeconds(users, slots, thinkSeconds),
  };
}

/** The slots answer in rounds, each as long as one chat. */
export function idealSeconds(users: number, slots: number, thinkSeconds: number): number {
  return Math.ceil(users / slots) * thinkSeconds;
}

/** How far off the ideal a result may be: 5 % or 200 ms, whichever is more. */
export function toleranceSeconds(ideal: number): number {
  return Math.max(ideal * 0.05, 0.2);
}

/** What the person reads before anything starts. */
export function describePlan({ before, after }: Plan, options: DemoOptions): string {
  const { users, thinkSeconds } = options;
  const lines = [
    `${count(users, 'user')}, one chat each, all at the same moment. The model thinks ` +
      `${seconds(thinkSeconds)} about each.`,
    '',
  ];
  if (before !== undefined) {
    lines.push(`  before  1 slot     about ${duration(before.idealSeconds)}`);
  }
  const slots = count(after.slots, 'slot').padEnd(8);
  lines.push(`  after   ${slots} about ${duration(after.idealSeconds)}`);
  const total = (before?.idealSeconds ?? 0) + after.idealSeconds;
  lines.push('', `This takes about ${duration(total)}, and a few seconds to start and stop.`);
  return lines.join('\n');
}

/** `3 users`, `1 slot`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `2.5 s`, without needless zeros. */
export function seconds(value: number): string {
  return `${Number(value.toFixed(1))} s`;
}

/** `45 s`, `3 min`, `2 min 30 s`. */
export function duration(value: number): string {
  if (value < 120) return seconds(value);
  const whole = Math.round(value);
  const rest = whole % 60;
  return `${Math.floor(whole / 60)} min${rest === 0 ? '' : ` ${rest} s`}`;
}
