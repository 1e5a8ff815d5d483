import type { Rule } from '../rule.ts';

const BYTES_MAX = 500_000;

export const fileWeight: Rule = {
  name: 'file-weight',
  why: 'A large file stays in every clone for ever.',
  check: (files) =>
    files
      .filter(({ sizeBytes }) => sizeBytes > BYTES_MAX)
      .map(({ path, sizeBytes }) => ({
        path,
        line: 1,
        message: `${sizeBytes} bytes; at most ${BYTES_MAX} a file`,
      })),
};
