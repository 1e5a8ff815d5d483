import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An agent profile as a person writes it; what is left out has its default. */
export interface Agent {
  readonly name: string;
  /** An agent in code need not have one. */
  readonly model?: string;
  readonly [field: string]: unknown;
}

/** Writes a file of agents and returns its path. The file goes when this process ends. */
export function writeAgentsFile(agents: readonly Agent[], more: object = {}): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-agents-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'agents.yaml');
  // JSON is YAML too.
  fs.writeFileSync(path, `${JSON.stringify({ agents, ...more })}\n`);
  return path;
}
