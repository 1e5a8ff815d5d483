import type { AgentProfile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import type { Tool, ToolSet, ToolSource } from './tool.ts';

/**
 * All tools of a worker: its own by name, and those of other sources, such as MCP servers, as they
 * are when a run begins.
 */
export class ToolRegistry implements ToolSource {
  readonly #own: ReadonlyMap<string, Tool>;
  readonly #sources: readonly ToolSource[];

  /** @throws ConfigError when two own tools have the same name */
  constructor(own: readonly Tool[], sources: readonly ToolSource[] = []) {
    this.#own = new Map(own.map((tool) => [tool.name, tool]));
    this.#sources = sources;
    if (this.#own.size === own.length) return;
    const names = own.map(({ name }) => name);
    const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
    throw new ConfigError([...twice].map((name) => `two tools have the name ${name}`));
  }

  /** Where the profiles name tools that are not here; empty: nowhere. */
  problems(profiles: readonly Pick<AgentProfile, 'name' | 'tools'>[]): readonly string[] {
    const known = [...this.#own.keys()].join(', ');
    return profiles.flatMap(({ name, tools }) => {
      const unknown = tools.filter((tool) => !this.#own.has(tool));
      return unknown.map((tool) => {
        return `agent ${name}: this worker has no tool ${tool}; it has: ${known || 'none'}`;
      });
    });
  }

  /** @throws ConfigError naming agent and tool */
  check(profiles: readonly Pick<AgentProfile, 'name' | 'tools'>[]): void {
    const problems = this.problems(profiles);
    if (problems.length > 0) throw new ConfigError(problems);
  }

  toolsFor(profile: AgentProfile): ToolSet {
    const tools = new Map<string, Tool>();
    const problems: string[] = [];
    for (const name of profile.tools) {
      const tool = this.#own.get(name);
      if (tool === undefined) problems.push(`${name}: this worker has no such tool`);
      else tools.set(name, tool);
    }
    for (const source of this.#sources) {
      const found = source.toolsFor(profile);
      problems.push(...found.problems);
      for (const tool of found.tools) {
        if (tools.has(tool.name)) problems.push(`${tool.name}: another tool has this name`);
        else tools.set(tool.name, tool);
      }
    }
    return { tools: [...tools.values()], problems };
  }
}
