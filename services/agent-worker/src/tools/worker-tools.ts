import { IsolatedChecker } from '../structured/isolated-checker.ts';
import { builtInTools } from './built-in/built-in-tools.ts';
import { IsolatedTools } from './isolated-tools.ts';
import type { IsolatedToolsOptions } from './isolated-tools.ts';
import { ToolRegistry } from './tool-registry.ts';
import type { Tool, ToolSource } from './tool.ts';

export interface WorkerToolsOptions extends IsolatedToolsOptions {
  /** Hosts that `fetch` may read. */
  readonly fetchAllow: readonly string[];
  /** Tools of modules; they may use the threads. */
  readonly ofModules?: (threads: IsolatedTools) => readonly Tool[];
  /** Where more tools come from, as they are when a run begins. */
  readonly sources?: readonly ToolSource[];
}

/** Everything of a worker that runs besides models; what a runner needs of it, by its names. */
export interface WorkerTools {
  readonly tools: ToolRegistry;
  readonly checker: IsolatedChecker;
  readonly threads: IsolatedTools;
  close(): Promise<void>;
}

/**
 * Answers are checked apart from the tools, which may hold their threads for long. Each run waits
 * with one at most, so it is the slots of the worker that bound them.
 */
const CHECK_THREADS: IsolatedToolsOptions = { threads: 2, memoryMib: 64, waitingMax: Infinity };

/** @throws ConfigError when two tools have the same name */
export function openTools(options: WorkerToolsOptions): WorkerTools {
  const builtIn = builtInTools(options);
  const threads = new IsolatedTools(options);
  const checks = new IsolatedTools(CHECK_THREADS);
  const { ofModules = () => [], sources = [] } = options;
  return {
    tools: new ToolRegistry([...builtIn.tools, ...ofModules(threads)], sources),
    checker: new IsolatedChecker(checks),
    threads,
    close: async () => {
      await Promise.all([builtIn.close(), threads.close(), checks.close()]);
    },
  };
}
