import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Writes agent profiles for the simulator, whose limits leave room for the longest wait and run,
 * and returns the file's path. The file goes when this process ends.
 */
export function writeAgentsFile(longestSeconds: number): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-demo-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'agents.yaml');
  fs.writeFileSync(path, agentsFile(longestSeconds));
  return path;
}

/** JSON is YAML too. */
export function agentsFile(longestSeconds: number): string {
  const limit = Math.ceil(longestSeconds * 2 + 60);
  const agent = {
    name: 'sim/*',
    model: '*',
    queue_timeout: limit,
    first_token_timeout: limit,
    timeout: limit,
    max_retries: 0,
  };
  return `${JSON.stringify({ agents: [agent] }, null, 2)}\n`;
}
