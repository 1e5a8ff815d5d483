import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { cacheDirectory, removeStaleScratch } from './resolve.ts';

/** Packages of Python that are installed together, in an environment of their own. */
export interface PythonPackages {
  /** Begins the name of the environment's folder. */
  readonly name: string;
  /** The file that pins every one of them, those that others need too: `name==version` a line. */
  readonly requirements: string;
  /** The packages that are compiled here. What else has no wheel is as good as missing. */
  readonly compiled?: readonly string[];
  /** The file that pins what compiling takes, where it is not on the machine. */
  readonly buildRequirements?: string;
  /** Added to the environment of pip, such as the options of a compiler. */
  readonly env?: NodeJS.ProcessEnv;
  /** Longest installation. */
  readonly timeoutMs: number;
  /** Told, in one line, when they are not there yet. */
  readonly onInstall?: () => void;
}

/** The interpreter that has the packages, or why there is none. */
export type PythonEnvironment = { readonly python: string } | { readonly missing: string };

const run = promisify(execFile);

const VERSION = 'import sys; print("{}.{}.{}".format(*sys.version_info))';
/** Prints the version of each package that it is given, one a line. */
const VERSIONS = 'import sys, importlib.metadata as m; [print(m.version(n)) for n in sys.argv[1:]]';
const OLDEST_MINOR = 10;
const LOOK_TIMEOUT_MS = 20_000;
/** A compiler's warnings come by the thousand. */
const OUTPUT_BYTES_MAX = 64 * 1_024 * 1_024;

/**
 * Python with packages in pinned versions, in an environment that is made once and kept between
 * clones. pip takes them from wherever this machine takes its packages.
 */
export async function pythonEnvironment(
  packages: PythonPackages,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PythonEnvironment> {
  try {
    const version = (await output('python3', ['-c', VERSION], env)).trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major !== 3 || minor < OLDEST_MINOR) {
      return { missing: `python3 is ${version}, older than 3.${OLDEST_MINOR}` };
    }
    return { python: await prepared(packages, version, env) };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

async function prepared(
  packages: PythonPackages,
  pythonVersion: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const requirements = await fs.readFile(packages.requirements, 'utf8');
  const build = packages.buildRequirements;
  const buildPins = build === undefined ? '' : await fs.readFile(build, 'utf8');
  const recipe = JSON.stringify([requirements, buildPins, packages.env ?? {}]);
  const digest = createHash('sha256').update(recipe).digest('hex').slice(0, 8);
  const parent = join(dirname(cacheDirectory(env)), 'python');
  const name = `${packages.name}-${digest}-python-${pythonVersion}-${process.arch}`;
  const folder = join(parent, name);
  const python = join(folder, 'bin', 'python');
  if (await has(python, requirements)) return python;

  packages.onInstall?.();
  await fs.mkdir(parent, { recursive: true });
  await removeStaleScratch(parent);
  // Beside its target, because a rename does not cross file systems.
  const scratch = await fs.mkdtemp(join(parent, '.scratch-'));
  try {
    await install(scratch, packages, env);
    await fs.rm(folder, { recursive: true, force: true });
    await fs.rename(scratch, folder);
  } catch (error) {
    // Unless another process was faster.
    if (!(await has(python, requirements))) throw error;
  } finally {
    await fs.rm(scratch, { recursive: true, force: true });
  }
  return python;
}

async function install(
  folder: string,
  packages: PythonPackages,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  await output('python3', ['-m', 'venv', folder], env, packages.timeoutMs);
  const options = ['--quiet', '--no-input', '--disable-pip-version-check'];
  const patience = ['--retries', '1', '--timeout', '20'];
  const compiled = packages.compiled ?? [];
  const wheels = ['--only-binary', ':all:', ...compiled.flatMap((name) => ['--no-binary', name])];
  // Every package is in the file, so pip need not look for more.
  const files = ['--no-deps', '--requirement', packages.requirements];
  const command = ['-m', 'pip', 'install', ...options, ...patience, ...wheels, ...files];
  const { buildRequirements: build } = packages;
  // The first is for pip before 25.3, which has the second.
  const pins = build === undefined ? {} : { PIP_CONSTRAINT: build, PIP_BUILD_CONSTRAINT: build };
  const pipEnv = { ...env, ...packages.env, ...pins };
  await output(join(folder, 'bin', 'python'), command, pipEnv, packages.timeoutMs);
}

/** Whether an interpreter is there and has all that is pinned, in those versions. */
async function has(python: string, requirements: string): Promise<boolean> {
  const pins = [...requirements.matchAll(/^([\w.-]+)==(\S+)$/gm)];
  const names = pins.map(([, name = '']) => name);
  const versions = pins.map(([, , version = '']) => version);
  return await output(python, ['-c', VERSIONS, ...names], {}).then(
    (text) => text.trim() === versions.join('\n'),
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
  const { stdout } = await run(file, [...parameters], {
    env,
    timeout,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
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
