import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that does not even print its version in this time is not usable. */
export const VERSION_TIMEOUT_MS = 10_000;

/** The first `x.y.z` of a text, or undefined. */
export function findVersion(text: string): string | undefined {
  return /\d+\.\d+\.\d+/.exec(text)?.[0];
}

/** True when `version` is `minimum` or later; both are `x.y.z`. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [actual, wanted] = [version, minimum].map((text) => text.split('.').map(Number));
  for (let place = 0; place < 3; place += 1) {
    const difference = (actual?.[place] ?? 0) - (wanted?.[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * The version a program prints, or undefined when it is missing, does not run here or prints none.
 * `file` is a path or a name that is looked up on PATH.
 */
export async function versionOf(
  file: string,
  versionArguments: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(file, [...versionArguments], {
      env,
      timeout: VERSION_TIMEOUT_MS,
    });
    return findVersion(stdout + stderr);
  } catch {
    // Missing, not executable, built for another machine: all mean "look elsewhere".
    return undefined;
  }
}
