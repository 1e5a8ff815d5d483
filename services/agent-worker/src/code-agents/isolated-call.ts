/** What the thread of an isolated tool runs: the module is imported there once more. */
import { isTool, readInput } from '@switchboard/agent';
import type { ToolContext } from '@switchboard/agent';
import { lendPackages } from './lent-packages.ts';

export interface ModuleCall {
  readonly url: string;
  readonly exportName: string;
  /** What the model wrote, parsed. */
  readonly input: unknown;
}

export async function callModuleTool(call: ModuleCall, context: ToolContext): Promise<unknown> {
  lendPackages();
  const exported = (await import(call.url)) as Readonly<Record<string, unknown>>;
  const tool = exported[call.exportName];
  if (!isTool(tool)) throw new TypeError('the module exports another thing than before');
  return await tool.run(await readInput(tool, call.input), context);
}
