import type { DemoResult } from './result.ts';

/** Users with a line of their own; the slowest are in the totals. */
const USER_LINES_MAX = 40;

/** The waits of each user before and after, then totals. */
export function resultTable({ after, before, plan }: DemoResult): string {
  const users = after.users.slice(0, USER_LINES_MAX).map((user, index): Row => {
    return [`user ${user.user}`, cell(before?.users[index]), cell(user)];
  });
  const hidden = after.users.length - users.length;
  const rows: readonly (Row | 'rule')[] = [
    ['', 'before', 'after'],
    ['slots', String(plan.before?.slots ?? '-'), String(plan.after.slots)],
    'rule',
    ...users,
    ...(hidden > 0 ? [[`and ${hidden} more`, '', ''] satisfies Row] : []),
    'rule',
    ['all answered', time(before?.totalSeconds), time(after.totalSeconds)],
    ['ideal', time(plan.before?.idealSeconds), time(plan.after.idealSeconds)],
    ['most at once', String(before?.maxRunning ?? '-'), String(after.maxRunning)],
  ];
  const drawn = before === undefined ? rows.map(withoutBefore) : rows;
  return drawn.map(line).join('\n');
}

type Row = readonly [string, string, string] | readonly [string, string];

function withoutBefore(row: Row | 'rule'): Row | 'rule' {
  return row === 'rule' ? row : [row[0], row[2] ?? ''];
}

function line(row: Row | 'rule', _index: number, rows: readonly (Row | 'rule')[]): string {
  const columns = rows.find((each) => each !== 'rule')?.length ?? 0;
  if (row === 'rule') return `  ${'-'.repeat(14 + (columns - 1) * 12)}`;
  const [name, ...cells] = row;
  return `  ${name.padEnd(14)}${cells.map((text) => text.padStart(12)).join('')}`;
}

function cell(user: { readonly seconds: number; readonly failure?: string } | undefined): string {
  return user?.failure === undefined ? time(user?.seconds) : 'failed';
}

function time(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(2)} s`;
}
