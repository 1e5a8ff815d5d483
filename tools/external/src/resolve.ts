import * as fs from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { downloadProgram } from './download.ts';
import type { DownloadTimes } from './download.ts';
import { goInstall, hasGo } from './go-install.ts';
import type { ExternalProgram } from './programs.ts';
import { isAtLeast, versionOf } from './version.ts';

export interface ResolveOptions {
  /** PATH, HOME and SWITCHBOARD_CACHE are read from it; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told, in one line, about each step that takes long. */
  readonly onProgress?: (line: string) => void;
  readonly times?: DownloadTimes;
  /** The platform's key in `archives`; default this machine's. */
  readonly platform?: string;
}

const DOWNLOAD_TIMES: DownloadTimes = { connectTimeoutMs: 5_000, totalTimeoutMs: 180_000 };

/** A scratch folder this old was left by a process that was killed. */
const STALE_SCRATCH_MS = 60 * 60_000;

/** No way to get the program worked. The message names each way and how to fix it. */
export class ProgramUnavailableError extends Error {
  constructor(program: ExternalProgram, reasons: readonly string[]) {
    const { name, version, minimumVersion, installHint, goVersion: go } = program;
    super(
      `${name} ${version} could not be set up (${reasons.join('; ')}). Do one of these: ` +
        `install ${name} ${minimumVersion} or later so that it is on PATH (${installHint}); ` +
        `let this machine reach github.com; install Go ${go} or later.`,
    );
    this.name = 'ProgramUnavailableError';
  }
}

/** Where programs are kept between clones. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const root = env['SWITCHBOARD_CACHE'] ?? join(homedir(), '.cache', 'switchboard');
  return join(root, 'bin');
}

/**
 * The path of a program that runs on this machine: on PATH in a good version, else from the cache,
 * else downloaded, else built with Go. Safe to call from several processes at once: each fills a
 * folder of its own and the finished file is renamed into place.
 */
export async function resolveProgram(
  program: ExternalProgram,
  options: ResolveOptions = {},
): Promise<string> {
  const env = options.env ?? process.env;
  const reasons: string[] = [];

  const onPath = await versionOf(program.name, program.versionArguments, env);
  if (onPath !== undefined && isAtLeast(onPath, program.minimumVersion)) {
    return await whereOnPath(program.name, env);
  }
  reasons.push(onPath === undefined ? 'none on PATH' : `${onPath} on PATH is too old`);

  const cache = cacheDirectory(env);
  const cached = join(cache, `${program.name}-${program.version}`);
  if (await isExecutable(cached)) return cached;

  await fs.mkdir(cache, { recursive: true });
  await removeStaleScratch(cache);
  for (const obtain of [download, build]) {
    // Beside its target, because a rename does not cross file systems.
    const scratch = await fs.mkdtemp(join(cache, '.scratch-'));
    try {
      const file = await obtain(program, scratch, env, options);
      await fs.chmod(file, 0o755);
      if ((await versionOf(file, program.versionArguments, env)) !== program.version) {
        throw new Error('the program does not run on this machine');
      }
      await fs.rename(file, cached);
      return cached;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reasons.push(`${obtain.name}: ${reason}`);
    } finally {
      await fs.rm(scratch, { recursive: true, force: true });
    }
  }
  throw new ProgramUnavailableError(program, reasons);
}

async function download(
  program: ExternalProgram,
  scratch: string,
  _env: NodeJS.ProcessEnv,
  options: ResolveOptions,
): Promise<string> {
  const platform = options.platform ?? `${process.platform}-${process.arch}`;
  const archive = program.archives[platform];
  if (archive === undefined) throw new Error(`no release with a pinned checksum for ${platform}`);
  options.onProgress?.(`Downloading ${program.name} ${program.version} …`);
  const times = options.times ?? DOWNLOAD_TIMES;
  return await downloadProgram(program.name, program.releaseUrl, archive, scratch, times);
}

async function build(
  program: ExternalProgram,
  scratch: string,
  env: NodeJS.ProcessEnv,
  options: ResolveOptions,
): Promise<string> {
  if (!(await hasGo(env))) throw new Error('Go is not installed');
  options.onProgress?.(
    `Building ${program.name} ${program.version} with Go (first time, about a minute) …`,
  );
  return await goInstall(program, scratch, env);
}

async function whereOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string> {
  for (const directory of (env['PATH'] ?? '').split(':')) {
    const file = join(directory, name);
    if (directory !== '' && (await isExecutable(file))) return file;
  }
  return name;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await fs.access(file, fs.constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    // Not there, or not ours to run: the caller looks elsewhere.
    return false;
  }
}

/** Removes what killed processes have left in a folder of the cache. */
export async function removeStaleScratch(cache: string): Promise<void> {
  for (const entry of await fs.readdir(cache)) {
    if (!entry.startsWith('.scratch-')) continue;
    const path = join(cache, entry);
    const found = await fs.stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_SCRATCH_MS) {
      await fs.rm(path, { recursive: true, force: true });
    }
  }
}
