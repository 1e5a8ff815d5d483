import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What becomes of a run that had shown something when its worker was lost. */
export const POLICIES = ['fail', 'restart'] as const;
export type Policy = (typeof POLICIES)[number];

/** Writes one profile for each policy, called like it. The file goes when this process ends. */
export function writeAgentsFile(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-drill-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'agents.yaml');
  const agents = POLICIES.map((policy) => ({
    name: `${policy}/*`,
    model: '*',
    on_worker_lost: policy,
    queue_timeout: 120,
    timeout: 120,
  }));
  // JSON is YAML too.
  fs.writeFileSync(path, `${JSON.stringify({ agents })}\n`);
  return path;
}
