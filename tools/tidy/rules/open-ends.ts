import { problemsAt } from '../rule.ts';
import type { Rule } from '../rule.ts';

/** Written in pieces, so that this file does not break its own rule. */
const MARKS = [['TO', 'DO'].join(''), ['FIX', 'ME'].join(''), 'X'.repeat(3)];

export const openEnds: Rule = {
  name: 'open-ends',
  why: 'A note to oneself in the code is read by nobody: do it, or open an issue.',
  check: (files) =>
    files
      .filter(({ path }) => !path.endsWith('pnpm-lock.yaml'))
      .flatMap((file) =>
        problemsAt(
          file,
          new RegExp(String.raw`\b(${MARKS.join('|')})\b`, 'g'),
          (mark) => `${mark}: do it now, or open an issue and leave the note out`,
        ),
      ),
};
