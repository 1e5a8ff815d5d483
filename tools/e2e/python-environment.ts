import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { cacheDirectory } from '@switchboard/external';

/** The interpreter that has the SDK, or why there is none. */
export type PythonSdk = { readonly python: string } | { readonly missing: string };

const run = promisify(execFile);

const REQUIREMENTS = fileURLToPath(new URL('python/requirements.txt', import.meta.url));
const VERSION = 'import sys; print("{}.{}.{}".format(*sys.version_info))';
const SDK_VERSION = 'from importlib.metadata import version; print(version("openai"))';
/** The tests use its syntax. */
const OLDEST_MINOR = 10;
const LOOK_TIMEOUT_MS = 20_000;
const INSTALL_TIMEOUT_MS = 180_000;

/**
 * Python with the official SDK in the pinned version, in an environment of its own, made once and
 * kept between clones. pip takes it from wherever this machine takes its packages.
 */
export async function pythonWithSdk(env: NodeJS.ProcessEnv = process.env): Promise<PythonSdk> {
  try {
    const version = (await output('python3', ['-c', VERSION], env)).trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major !== 3 || minor < OLDEST_MINOR) {
      return { missing: `python3 is ${version}, older than 3.${OLDEST_MINOR}` };
    }
    return { python: await prepared(version, env) };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

async function prepared(pythonVersion: string, env: NodeJS.ProcessEnv): Promise<string> {
  const requirements = await fs.readFile(REQUIREMENTS, 'utf8');
  const sdkVersion = /^openai==(\S+)$/m.exec(requirements)?.[1] ?? 'unknown';
  const digest = createHash('sha256').update(requirements).digest('hex').slice(0, 8);
  const parent = join(dirname(cacheDirectory(env)), 'python');
  const name = `openai-${sdkVersion}-${digest}-python-${pythonVersion}-${process.arch}`;
  const folder = join(parent, name);
  const python = join(folder, 'bin', 'python');
  if (await works(python, sdkVersion)) return python;

  await fs.mkdir(parent, { recursive: true });
  // Beside its target, because a rename does not cross file systems.
  const scratch = await fs.mkdtemp(join(parent, '.scratch-'));
  try {
    await install(scratch, env);
    await fs.rm(folder, { recursive: true, force: true });
    await fs.rename(scratch, folder);
  } catch (error) {
    // Unless another process was faster.
    if (!(await works(python, sdkVersion))) throw error;
  } finally {
    await fs.rm(scratch, { recursive: true, force: true });
  }
  return python;
}

async function install(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  await output('python3', ['-m', 'venv', folder], env, INSTALL_TIMEOUT_MS);
  const options = ['--quiet', '--no-input', '--disable-pip-version-check'];
  const patience = ['--retries', '1', '--timeout', '20'];
  // What would have to be compiled first is as good as missing.
  const wheels = ['--only-binary', ':all:', '--requirement', REQUIREMENTS];
  const command = ['-m', 'pip', 'install', ...options, ...patience, ...wheels];
  await output(join(folder, 'bin', 'python'), command, env, INSTALL_TIMEOUT_MS);
}

async function works(python: string, sdkVersion: string): Promise<boolean> {
  return await output(python, ['-c', SDK_VERSION], {}).then(
    (text) => text.trim() === sdkVersion,
    // Not there, or of a Python that is there no longer.
    () => false,
  );
}

async function output(
  file: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv,
  timeout = LOOK_TIMEOUT_MS,
): Promise<string> {
  const { stdout } = await run(file, [...parameters], { env, timeout });
  return stdout;
}

/** One line; an address in it may hold a password, which is cut out. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'there is no python3 on PATH';
  if ('killed' in error && error.killed === true) return 'pip or python3 took too long';
  const printed = 'stderr' in error ? String(error.stderr) : '';
  const text = printed.trim() === '' ? error.message : printed;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((one) => one.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  return line
    .trim()
    .replaceAll(/\/\/[^/@\s]*@/g, '//')
    .slice(0, 300);
}
