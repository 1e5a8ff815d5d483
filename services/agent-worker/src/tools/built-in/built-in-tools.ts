import type { Tool } from '../tool.ts';
import { calculatorTool } from './calculator.ts';
import { clockTool } from './clock.ts';
import { FetchTool } from './fetch.ts';

export interface BuiltInTools {
  readonly tools: readonly Tool[];
  close(): Promise<void>;
}

/** The tools that need no module. `fetch` is there only where hosts are allowed. */
export function builtInTools({
  fetchAllow,
}: {
  readonly fetchAllow: readonly string[];
}): BuiltInTools {
  const plain = [clockTool(), calculatorTool()];
  if (fetchAllow.length === 0) return { tools: plain, close: () => Promise.resolve() };
  const fetch = new FetchTool({ allow: fetchAllow });
  return { tools: [...plain, fetch], close: () => fetch.close() };
}
