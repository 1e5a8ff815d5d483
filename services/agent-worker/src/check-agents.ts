import type { AgentsFile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import { coversRuns, readNamedSecret } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { endpointsOf } from './llm/endpoints-of.ts';
import type { RunnerLog } from './runner/runner-context.ts';
import type { ToolRegistry } from './tools/tool-registry.ts';

/**
 * Whether this worker can do what a file asks of it, at the start and when the file is replaced.
 * @throws ConfigError with all that it cannot
 */
export function checkAgents(
  config: WorkerConfig,
  file: AgentsFile,
  tools: Pick<ToolRegistry, 'check'>,
  log: Pick<RunnerLog, 'warn'>,
): void {
  const { drainTimeoutMs, workerPool: pool } = config;
  const mine = file.agents.filter((profile) => profile.pool === pool);
  let isCovered = true;
  refuseAll([
    () => (isCovered = coversRuns(config, mine)),
    () => tools.check(mine),
    () => endpointsOf(file, config, readNamedSecret),
  ]);
  if (mine.length === 0) {
    log.warn({ pool }, 'no agent names this pool: there will be nothing to run');
  }
  if (isCovered) return;
  const text = 'DRAIN_TIMEOUT_MS is shorter than the longest run: a restart may cut runs off';
  log.warn({ drainTimeoutMs }, text);
}

/** How long a run of these agents that begins now may need what the file names. */
export function longestRunMs({ agents }: AgentsFile, pool: string): number {
  const mine = agents.filter((profile) => profile.pool === pool);
  return Math.max(0, ...mine.map(({ timeout }) => timeout * 1_000));
}

/** @throws ConfigError with the problems of all checks together */
function refuseAll(checks: readonly (() => unknown)[]): void {
  const problems = checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (thrown) {
      if (thrown instanceof ConfigError) return thrown.problems;
      throw thrown;
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
}
