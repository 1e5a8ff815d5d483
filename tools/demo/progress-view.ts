/** Where a user's chat is: in the queue, with the model, or answered. */
export interface UserProgress {
  readonly user: number;
  readonly startedAfterSeconds?: number;
  readonly doneAfterSeconds?: number;
  readonly failed?: boolean;
}

const BAR_LENGTH = 20;

/** One line a user, with a bar that fills while the model thinks. */
export function userLine(user: UserProgress, nowSeconds: number, thinkSeconds: number): string {
  const name = `  user ${String(user.user).padEnd(4)} `;
  const { doneAfterSeconds, startedAfterSeconds } = user;
  if (doneAfterSeconds !== undefined) {
    const word = user.failed === true ? 'failed' : 'answered';
    return `${name}${bar(1)} ${word} after ${fixed(doneAfterSeconds)}`;
  }
  if (startedAfterSeconds === undefined) return `${name}${bar(0)} waiting ${fixed(nowSeconds)}`;
  const thoughtSeconds = Math.max(0, nowSeconds - startedAfterSeconds);
  return `${name}${bar(thoughtSeconds / thinkSeconds)} with the model ${fixed(thoughtSeconds)}`;
}

/** All users in one line. */
export function countsLine(users: readonly UserProgress[], nowSeconds: number): string {
  const done = users.filter((user) => user.doneAfterSeconds !== undefined).length;
  const withModel = users.filter(isWithModel).length;
  const waiting = users.length - done - withModel;
  const counts = `waiting ${waiting}   with the model ${withModel}   answered ${done}`;
  return `  ${fixed(nowSeconds)}  ${counts}`;
}

function isWithModel(user: UserProgress): boolean {
  return user.startedAfterSeconds !== undefined && user.doneAfterSeconds === undefined;
}

/** What changed since the last look, one line each, for a terminal that cannot redraw. */
export function changeLines(
  before: readonly UserProgress[],
  now: readonly UserProgress[],
): readonly string[] {
  const lines: { readonly atSeconds: number; readonly text: string }[] = [];
  for (const [index, user] of now.entries()) {
    const old = before[index];
    const { doneAfterSeconds: doneAt, startedAfterSeconds: startedAt } = user;
    if (startedAt !== undefined && old?.startedAfterSeconds === undefined) {
      lines.push({ atSeconds: startedAt, text: `user ${user.user} is with the model` });
    }
    if (doneAt !== undefined && old?.doneAfterSeconds === undefined) {
      const word = user.failed === true ? 'failed' : 'has the answer';
      lines.push({ atSeconds: doneAt, text: `user ${user.user} ${word}` });
    }
  }
  return lines
    .toSorted((one, other) => one.atSeconds - other.atSeconds)
    .map(({ atSeconds, text }) => `  ${fixed(atSeconds)}  ${text}`);
}

function fixed(value: number): string {
  return `${value.toFixed(1).padStart(5)} s`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_LENGTH);
  return '█'.repeat(full) + '░'.repeat(BAR_LENGTH - full);
}
