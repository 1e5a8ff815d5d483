import { extname } from 'node:path';
import { isToolError, parametersOf, readInput } from '@switchboard/agent';
import type { IsolatedTools } from '../tools/isolated-tools.ts';
import { OWN_TOOLS, ToolError } from '../tools/tool.ts';
import type { Tool, ToolContext } from '../tools/tool.ts';
import { callModuleTool } from './isolated-call.ts';
import type { ModuleCall } from './isolated-call.ts';
import type { CodeModules, LoadedTool } from './load-modules.ts';
import { moduleLog } from './module-log.ts';
import type { LineLog } from './module-log.ts';

/** Beside this module, compiled or not. */
const CALL = new URL(`isolated-call${extname(import.meta.filename)}`, import.meta.url);

/** The tools of modules as the worker has them, for agents of any kind. */
export function moduleTools(
  { tools }: Pick<CodeModules, 'tools'>,
  threads: Pick<IsolatedTools, 'run'>,
  log: LineLog,
): Tool[] {
  return tools.map((loaded) => {
    const { description, name, sideEffects = true, timeout } = loaded.tool;
    return {
      name,
      description,
      parameters: parametersOf(loaded.tool),
      source: OWN_TOOLS,
      sideEffects,
      timeoutMs: timeout === undefined ? undefined : timeout * 1_000,
      run: loaded.tool.isolated === true ? isolated(loaded, threads) : inProcess(loaded, log),
    };
  });
}

function isolated(
  { exportName = '', url }: LoadedTool,
  threads: Pick<IsolatedTools, 'run'>,
): Tool['run'] {
  return async (input, { signal }) => {
    const call: ModuleCall = { url, exportName, input };
    return await threads.run({ module: CALL.href, name: callModuleTool.name, input: call }, signal);
  };
}

function inProcess({ tool }: LoadedTool, log: LineLog): Tool['run'] {
  return async (input, { run, requestId, signal }: ToolContext) => {
    try {
      const names = { run, requestId, tool: tool.name };
      const context = { signal, log: moduleLog(log, names) };
      return textOf(await tool.run(await readInput(tool, input), context));
    } catch (thrown) {
      if (isToolError(thrown)) throw new ToolError(thrown.message);
      throw thrown;
    }
  };
}

/** @throws TypeError when it is no text and JSON cannot say it */
function textOf(output: unknown): string {
  return typeof output === 'string' ? output : (JSON.stringify(output) ?? '');
}
