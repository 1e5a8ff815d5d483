import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** All processes below one, however deep and in whatever group, as far as they live. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const rows = stdout.trim().split('\n');
  const parents = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const found: number[] = [pid];
  for (const parent of found) {
    for (const [child, itsParent] of parents) {
      if (itsParent === parent && child !== undefined) found.push(child);
    }
  }
  return found.slice(1);
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
