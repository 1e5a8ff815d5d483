import { execFile } from 'node:child_process';
import * as os from 'node:os';
import { promisify } from 'node:util';

/** What a number was measured on, without which it says nothing. */
export interface Machine {
  readonly date: string;
  /** Short hash, with `-dirty` when files differ from it. */
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  /** Over one, five and fifteen minutes, before the first figure. */
  readonly loadAverage: readonly number[];
}

const run = promisify(execFile);

export async function describeMachine(folder: string): Promise<Machine> {
  return {
    date: new Date().toISOString(),
    commit: await commitOf(folder),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGib: Math.round(os.totalmem() / 1_024 ** 3),
    system: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.version,
    loadAverage: os.loadavg().map((load) => Number(load.toFixed(2))),
  };
}

export function machineText(machine: Machine): string {
  const { commit, cores, cpu, date, loadAverage, memoryGib, node, system } = machine;
  return [
    `date     ${date}`,
    `commit   ${commit}`,
    `machine  ${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}`,
    `node     ${node}`,
    `load     ${loadAverage.join(' ')} before the first figure`,
  ].join('\n');
}

async function commitOf(folder: string): Promise<string> {
  try {
    const { stdout: commit } = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: folder });
    const { stdout: changes } = await run('git', ['status', '--porcelain'], { cwd: folder });
    return `${commit.trim()}${changes === '' ? '' : '-dirty'}`;
  } catch {
    // No git, or not a clone.
    return 'unknown';
  }
}
