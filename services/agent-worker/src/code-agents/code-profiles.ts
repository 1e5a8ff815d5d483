import { AGENT_CARDS_MAX, AgentsFile, cardOf } from '@switchboard/contract';
import type { AgentCard, AgentProfile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import type { ProfileSource } from '../runner/agent-runner.ts';
import type { CodeAgent } from './code-agent-runner.ts';
import type { CodeModules, LoadedAgent } from './load-modules.ts';

/**
 * The agents' file with the agents of modules in it. An entry with `code: true` is the operator's
 * word on pool and limits, the same for gateways and workers, and so takes the place of what the
 * module says of them; tools and MCP servers of both count.
 * @throws ConfigError with every contradiction between the two
 */
export function withModules(file: AgentsFile, modules: CodeModules, pool: string): AgentsFile {
  const loaded = new Map(modules.agents.map((one) => [one.agent.name, one]));
  const problems = [
    ...modules.agents.flatMap((one) => namesakeProblems(file, one)),
    ...missingModules(file, loaded, pool),
  ];
  const agents = file.agents
    .filter(({ code }) => !code)
    .concat(modules.agents.map(({ profile }) => merged(profile, file)));
  // The file has been read; what is new in it are the names that modules use.
  const read = AgentsFile.safeParse({ ...file, agents });
  for (const { path, message } of read.error?.issues ?? []) {
    const [list, index, ...field] = path;
    const agent = list === 'agents' ? agents[Number(index)] : undefined;
    const module = agent === undefined ? undefined : loaded.get(agent.name)?.module;
    // Two of one name: said above, and better.
    if (agent === undefined || module === undefined) continue;
    problems.push(`AGENTS_DIR: ${module}: agent ${agent.name}: ${field.join('.')}: ${message}`);
  }
  if (modules.agents.length > AGENT_CARDS_MAX) {
    problems.push(`AGENTS_DIR: more than ${AGENT_CARDS_MAX} agents: gateways are not told of more`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...file, agents };
}

/** How a run finds its agent, with the limits that it has now. */
export function codeAgents(
  modules: CodeModules,
  profiles: ProfileSource,
): (name: string) => CodeAgent | undefined {
  const byName = new Map(modules.agents.map(({ agent }) => [agent.name, agent]));
  return (name) => {
    const agent = byName.get(name);
    const { agents, version } = profiles.current;
    const profile = agents.find((one) => one.code && one.name === name);
    return agent === undefined || profile === undefined ? undefined : { agent, profile, version };
  };
}

/** What gateways, which have no modules, are told of the agents in code of a pool. */
export function codeCards(profiles: ProfileSource, pool: string): () => readonly AgentCard[] {
  let from: object | undefined;
  let cards: readonly AgentCard[] = [];
  return () => {
    const { current } = profiles;
    if (from === current) return cards;
    from = current;
    cards = current.agents
      .filter((profile) => profile.code && profile.pool === pool)
      .map((profile) => cardOf(profile, current.version));
    return cards;
  };
}

/** A module cannot take the name of an agent that is something else. */
function namesakeProblems({ agents }: AgentsFile, { agent, module }: LoadedAgent): string[] {
  const namesake = agents.find(({ name }) => name === agent.name);
  if (namesake === undefined || namesake.code) return [];
  const advice = 'rename one, or give the profile `code: true` to set the limits of the other';
  return [`AGENTS_DIR: ${module}: a profile is called ${agent.name}, too: ${advice}`];
}

/** Workers of other pools need not have the modules. */
function missingModules(
  { agents }: AgentsFile,
  loaded: ReadonlyMap<string, LoadedAgent>,
  pool: string,
): string[] {
  return agents
    .filter((profile) => profile.code && profile.pool === pool && !loaded.has(profile.name))
    .map(({ name }) => `AGENTS_FILE: agent ${name}: \`code: true\`, but no module defines it`);
}

function merged(profile: AgentProfile, { agents }: AgentsFile): AgentProfile {
  const entry = agents.find(({ code, name }) => code && name === profile.name);
  if (entry === undefined) return profile;
  return {
    ...entry,
    description: entry.description === '' ? profile.description : entry.description,
    model: entry.model === '' ? profile.model : entry.model,
    tools: [...new Set([...profile.tools, ...entry.tools])],
    mcp_servers: [...new Set([...profile.mcp_servers, ...entry.mcp_servers])],
  };
}
