import { createHash } from 'node:crypto';

/** What model endpoints allow. */
const NAME_LENGTH_MAX = 64;
const HASH_LENGTH = 8;

/** `<server>_<tool>` in the letters that models may use. Two tools may come out the same. */
export function toolName(server: string, tool: string): string {
  const name = `${server}_${tool}`.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  return name.length <= NAME_LENGTH_MAX ? name : distinctName(server, tool);
}

/** As {@link toolName}, with an end that no other tool has. */
export function distinctName(server: string, tool: string): string {
  // A separator that no server's name has: `a` with `b_c` is not `a_b` with `c`.
  const hash = createHash('sha256').update(`${server}/${tool}`).digest('hex');
  const name = `${server}_${tool}`.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  return `${name.slice(0, NAME_LENGTH_MAX - HASH_LENGTH - 1)}_${hash.slice(0, HASH_LENGTH)}`;
}
