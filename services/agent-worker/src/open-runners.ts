/** What runs requests, and what it uses, opened as the agents' file says and following it. */
import { LiveAgents, builtInProfiles } from '@switchboard/platform/config';
import type { Logger } from '@switchboard/platform/logging';
import { checkAgents, longestRunMs } from './check-agents.ts';
import { CodeAgentRunner } from './code-agents/code-agent-runner.ts';
import { codeAgents, withModules } from './code-agents/code-profiles.ts';
import { NO_MODULES, loadModules } from './code-agents/load-modules.ts';
import { moduleTools } from './code-agents/module-tools.ts';
import { readNamedSecret } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { endpointsOf } from './llm/endpoints-of.ts';
import { Providers } from './llm/providers.ts';
import { McpServers, serversOf } from './mcp/mcp-servers.ts';
import { AgentRunner } from './runner/agent-runner.ts';
import { firstOf } from './runner/request-runner.ts';
import type { RequestRunner } from './runner/request-runner.ts';
import { readHosts } from './tools/built-in/host-list.ts';
import { openTools } from './tools/worker-tools.ts';
import type { WorkerTools } from './tools/worker-tools.ts';

export interface Runners {
  readonly runner: RequestRunner;
  readonly agents: LiveAgents;
  readonly provider: Providers;
  readonly tools: WorkerTools;
  readonly mcp: McpServers;
}

/** @throws ConfigError with all that is wrong with the file, or with the modules */
export async function openRunners(config: WorkerConfig, log: Logger): Promise<Runners> {
  const { agentsDir, workerPool } = config;
  const modules = agentsDir === undefined ? NO_MODULES : await loadModules(agentsDir);
  // What it opens is said by the file, which cannot be judged without the tools.
  const mcp = new McpServers({
    servers: [],
    variable: (name) => readNamedSecret(name)?.reveal(),
    log,
  });
  const tools = openTools({
    sources: [mcp],
    fetchAllow: readHosts(config.fetchAllow),
    threads: config.isolatedThreads,
    memoryMib: Math.floor(config.isolatedMemory / 1_048_576),
    ofModules: (threads) => moduleTools(modules, threads, log),
  });
  const agents = await LiveAgents.open({
    path: config.agentsFile,
    builtIn: builtInProfiles({ model: config.openaiModel }),
    extend: (file) => withModules(file, modules, workerPool),
    check: (file) => checkAgents(config, file, tools.tools, log),
    log,
  });
  const provider = new Providers(endpointsOf(agents.current, config, readNamedSecret), log);
  mcp.update(serversOf(agents.current, workerPool), 0);
  agents.onChange((file, before) => {
    provider.replace(endpointsOf(file, config, readNamedSecret));
    mcp.update(serversOf(file, workerPool), longestRunMs(before, workerPool));
  });
  const find = codeAgents(modules, agents);
  const code = new CodeAgentRunner({ find, provider, tools: tools.tools, log });
  const runner = firstOf(code, new AgentRunner(agents, provider, Math.random, tools));
  return { runner, agents, provider, tools, mcp };
}
