/** Tools of an agent's own for tests, and what a run with them has said. */
import type { AgentProfile, RunEvent } from '@switchboard/contract';
import type { RunnerParts } from '../src/runner/agent-runner.ts';
import { OWN_TOOLS } from '../src/tools/tool.ts';
import type { Tool } from '../src/tools/tool.ts';

export function toolOf(name: string, run: Tool['run'], fields: Partial<Tool> = {}): Tool {
  const parameters = { type: 'object', properties: {} };
  const plain = { description: name, parameters, source: OWN_TOOLS, sideEffects: false };
  return { name, ...plain, ...fields, run };
}

/** For a runner: those of these that a profile names. */
export function partsOf(tools: readonly Tool[]): RunnerParts {
  const toolsFor = (profile: AgentProfile) => {
    return { tools: tools.filter(({ name }) => profile.tools.includes(name)), problems: [] };
  };
  return { tools: { toolsFor } };
}

export function textOf(events: readonly RunEvent[]): string {
  return events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');
}

/** Types of the events, without the words of the answer. */
export function stepsOf(events: readonly RunEvent[]): readonly string[] {
  return events.map(({ type }) => type).filter((type) => type !== 'text.delta');
}

/** A function as a caller sends it. */
export function callerTool(name: string): object {
  return { type: 'function', function: { name, parameters: { type: 'object', properties: {} } } };
}
