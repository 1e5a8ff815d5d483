import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What each profile is for; `model` of a request is `<profile>/<script of the simulator>`. */
export const PROFILES = {
  /** Never runs into a limit of its own. */
  sim: { queue_timeout: 120, first_token_timeout: 30, idle_timeout: 30, timeout: 60 },
  /** For models that stall. */
  short: { queue_timeout: 120, first_token_timeout: 1.5, idle_timeout: 0.6, timeout: 3 },
  /** Gives up waiting for a slot soon. */
  impatient: { queue_timeout: 0.3, first_token_timeout: 30, idle_timeout: 30, timeout: 60 },
} as const;

export type ProfileName = keyof typeof PROFILES;

/** Writes the profiles and returns the file's path. The file goes when this process ends. */
export function writeAgentsFile(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-storm-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'agents.yaml');
  const agents = Object.entries(PROFILES).map(([name, limits]) => ({
    name: `${name}/*`,
    model: '*',
    ...limits,
  }));
  // JSON is YAML too.
  fs.writeFileSync(path, `${JSON.stringify({ agents })}\n`);
  return path;
}
