import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { guardGroup, releaseGroup } from './guardian.ts';
import { LineLog } from './line-log.ts';
import type { LineListener } from './line-log.ts';

export interface ProcessOptions {
  /** How the process is called in messages: `worker 1`. */
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Told about each line of stdout and stderr. */
  readonly onLine?: LineListener | undefined;
  /** Lines kept for `logs`; default 1,000. */
  readonly linesMax?: number;
  /** Characters kept of a line; default 8,192. */
  readonly lineLengthMax?: number;
}

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process did not start, or ended before it was ready. The message ends with its last lines. */
export class ProcessStartError extends Error {
  constructor(name: string, problem: string, lines: readonly string[] = []) {
    super([`${name} ${problem}`, ...lines.slice(-20)].join('\n  '));
    this.name = 'ProcessStartError';
  }
}

/**
 * A child process in a group of its own: a terminal's Ctrl-C does not reach it, and nothing of it
 * outlives this process (see guardian.ts).
 */
export class ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Settles once the process has ended and its output is read. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #log: LineLog;
  #endAskedFor = false;

  private constructor(
    name: string,
    pid: number,
    child: ChildProcessByStdio<null, Readable, Readable>,
    log: LineLog,
  ) {
    this.name = name;
    this.pid = pid;
    this.#child = child;
    this.#log = log;
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        releaseGroup(pid);
        resolve({ code, signal });
      });
    });
  }

  /** Starts a process; throws ProcessStartError when the system cannot. */
  static async spawn(options: ProcessOptions): Promise<ManagedProcess> {
    const child = spawn(options.command, [...options.arguments], {
      env: options.env,
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid === undefined) {
      const [error] = await once(child, 'error').catch((thrown: unknown) => [thrown]);
      throw new ProcessStartError(options.name, `did not start: ${String(error)}`);
    }
    guardGroup(child.pid);
    const { linesMax = 1_000, lineLengthMax = 8_192 } = options;
    const log = new LineLog({ linesMax, lineLengthMax });
    if (options.onLine !== undefined) log.listen(options.onLine);
    log.read(child.stdout);
    log.read(child.stderr);
    return new ManagedProcess(options.name, child.pid, child, log);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** True when the process ended, or ends, because `kill` or `stop` was called. */
  get endAskedFor(): boolean {
    return this.#endAskedFor;
  }

  /** The last lines of its output, oldest first. */
  logs(): readonly string[] {
    return this.#log.lines;
  }

  /** Sends a signal; false when the process has already ended. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#endAskedFor = true;
    return this.running && this.#child.kill(signal);
  }

  /** SIGTERM, then SIGKILL to the whole group when it has not ended after `budgetMs`. */
  async stop(budgetMs = 10_000): Promise<Exit> {
    this.kill('SIGTERM');
    // A process paused with SIGSTOP would never see the SIGTERM.
    this.kill('SIGCONT');
    const timer = setTimeout(() => this.killGroup(), budgetMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL to the process and everything it started in its group. */
  killGroup(): void {
    this.#endAskedFor = true;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The group is already gone.
    }
  }

  /**
   * Waits for the first line, already printed or to come, of which `read` makes something. Throws
   * ProcessStartError when the process ends first or `timeoutMs` pass; it is then killed.
   */
  async firstLine<T>(read: (line: string) => T | undefined, timeoutMs: number): Promise<T> {
    for (const line of this.#log.lines) {
      const found = read(line);
      if (found !== undefined) return found;
    }
    const late = AbortSignal.timeout(timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = (problem: string): void =>
      reject(new ProcessStartError(this.name, problem, this.#log.lines));
    const onLate = (): void => {
      fail(`was not ready within ${timeoutMs / 1000} s`);
      this.killGroup();
    };
    const forget = this.#log.listen((line) => {
      const found = read(line);
      if (found !== undefined) resolve(found);
    });
    late.addEventListener('abort', onLate);
    void this.exited.then((exit) => fail(`ended before it was ready (${describeExit(exit)})`));
    try {
      return await promise;
    } finally {
      forget();
      late.removeEventListener('abort', onLate);
    }
  }
}

/** `exit code 1`, `SIGKILL`. */
export function describeExit(exit: Exit): string {
  return exit.signal ?? `exit code ${String(exit.code)}`;
}
