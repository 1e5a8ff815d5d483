import type { WriteStream } from 'node:tty';

import { changeLines, countsLine, userLine } from './progress-view.ts';
import type { UserProgress } from './progress-view.ts';

export type Output = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'rows'>>;

/** More users than this change too often for a line each. */
const CHANGE_LINES_USERS_MAX = 20;
const COUNTS_EVERY_SECONDS = 1;
const ROWS_DEFAULT = 24;
const CLEAR_TO_END = '\u001B[0J';

/** Shows where each user's chat is: redrawn on a terminal, else as lines of what has changed. */
export class Progress {
  readonly #output: Output;
  readonly #thinkSeconds: number;
  #shown: readonly UserProgress[] = [];
  #linesDrawn = 0;
  #countsShown = '';
  #countsAtSeconds = -Infinity;

  constructor(output: Output, thinkSeconds: number) {
    this.#output = output;
    this.#thinkSeconds = thinkSeconds;
  }

  show(users: readonly UserProgress[], nowSeconds: number): void {
    if (this.#output.isTTY === true) this.#redraw(users, nowSeconds);
    else if (users.length <= CHANGE_LINES_USERS_MAX) this.#write(changeLines(this.#shown, users));
    else this.#showCounts(users, nowSeconds);
    this.#shown = users;
  }

  #redraw(users: readonly UserProgress[], nowSeconds: number): void {
    const lines = [countsLine(users, nowSeconds)];
    // Some terminals say 0 rows: they do not know.
    if (users.length < (this.#output.rows || ROWS_DEFAULT) - 2) {
      lines.unshift(...users.map((user) => userLine(user, nowSeconds, this.#thinkSeconds)));
    }
    const up = this.#linesDrawn === 0 ? '' : `\u001B[${this.#linesDrawn}A`;
    this.#output.write(`${up}\r${CLEAR_TO_END}${lines.join('\n')}\n`);
    this.#linesDrawn = lines.length;
  }

  #showCounts(users: readonly UserProgress[], nowSeconds: number): void {
    const ended = users.every((user) => user.doneAfterSeconds !== undefined);
    if (!ended && nowSeconds - this.#countsAtSeconds < COUNTS_EVERY_SECONDS) return;
    const line = countsLine(users, nowSeconds);
    // The time in front changes always, the counts need not.
    const counts = line.slice(line.indexOf('waiting'));
    if (counts === this.#countsShown) return;
    this.#countsShown = counts;
    this.#countsAtSeconds = nowSeconds;
    this.#write([line]);
  }

  #write(lines: readonly string[]): void {
    if (lines.length > 0) this.#output.write(`${lines.join('\n')}\n`);
  }
}
