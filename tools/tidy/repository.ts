import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RepositoryFile } from './rule.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Larger files are listed by size only (bytes). */
const READ_MAX_BYTES = 4 * 1024 * 1024;

/** Every file that is tracked, or new and not ignored; deleted ones are left out. */
export function readRepository(root: string = ROOT): RepositoryFile[] {
  const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 30_000,
  });
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '').toSorted();
  return paths.flatMap((path) => {
    const full = join(root, path);
    if (!existsSync(full)) return [];
    const stat = statSync(full);
    if (!stat.isFile()) return [];
    const text = stat.size > READ_MAX_BYTES ? '' : readText(full);
    return [{ path, text, sizeBytes: stat.size }];
  });
}

/** The text; empty for a file that is none. */
function readText(path: string): string {
  const text = readFileSync(path, 'utf8');
  return text.includes('\0') ? '' : text;
}
