import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ExternalProgram } from './programs.ts';
import { VERSION_TIMEOUT_MS } from './version.ts';

const run = promisify(execFile);

const BUILD_TIMEOUT_MS = 15 * 60_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** True when there is a Go on PATH; whether it is new enough, Go itself says. */
export async function hasGo(env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await run('go', ['version'], { env, timeout: VERSION_TIMEOUT_MS });
    return true;
  } catch {
    // Not installed, or too broken to say its version.
    return false;
  }
}

/**
 * Builds a program from the Go module proxy into `directory` and returns its path. Go's own
 * checksum database vouches for the source. Throws an Error whose message is a clause.
 */
export async function goInstall(
  program: ExternalProgram,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const target = `${program.goPackage}@v${program.version}`;
  try {
    await run('go', ['install', '-trimpath', '-ldflags', '-s -w', target], {
      cwd: directory,
      env: { ...env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOBIN: directory },
      timeout: BUILD_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
  } catch (error) {
    throw new Error(`go install ${target} failed${lastLine(error)}`, { cause: error });
  }
  return join(directory, program.name);
}

/** The last line Go printed; a proxy's URL in it may hold a password, which is cut out. */
function lastLine(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const line = output.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line.replace(/\/\/[^/@\s]*@/g, '//').slice(0, 300)}`;
}
