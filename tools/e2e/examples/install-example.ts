import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));

const TIMEOUT_MS = 240_000;
const OUTPUT_BYTES_MAX = 16 * 1_024 * 1_024;
const OPTIONS = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];

const run = promisify(execFile);

/**
 * Installs an example's packages as its lockfile names them, if that has not been done. Its folder.
 * @throws Error with what npm printed
 */
export async function installExample(name: string): Promise<string> {
  const folder = join(EXAMPLES, name);
  const lockfile = join(folder, 'package-lock.json');
  if (!fs.existsSync(lockfile)) return folder;
  const digest = createHash('sha256').update(fs.readFileSync(lockfile)).digest('hex');
  const stamp = join(folder, 'node_modules', '.switchboard');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return folder;
  await npm(['ci', ...OPTIONS], folder);
  fs.writeFileSync(stamp, digest);
  return folder;
}

/** The names of all examples. */
export function exampleNames(): readonly string[] {
  const entries = fs.readdirSync(EXAMPLES, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Runs npm, without what an npm that started this process has told it. Its output. */
export async function npm(parameters: readonly string[], folder: string): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/i.test(name));
  const { stdout } = await run('npm', [...parameters], {
    cwd: folder,
    env: Object.fromEntries(own),
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return stdout;
}
