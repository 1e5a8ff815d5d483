/** Agents in code and a real simulator in this process. Tests only. */
import { AgentsFile } from '@switchboard/contract';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { startSimulator } from '@switchboard/llm-simulator';
import type { SimulatorStats } from '@switchboard/llm-simulator';
import { CodeAgentRunner } from '../src/code-agents/code-agent-runner.ts';
import { codeAgents, withModules } from '../src/code-agents/code-profiles.ts';
import { loadModules } from '../src/code-agents/load-modules.ts';
import { moduleTools } from '../src/code-agents/module-tools.ts';
import { Providers } from '../src/llm/providers.ts';
import { AgentRunner } from '../src/runner/agent-runner.ts';
import { firstOf } from '../src/runner/request-runner.ts';
import { openTools } from '../src/tools/worker-tools.ts';
import { SILENT, requestOf } from './worker-rig.ts';
import type { RunOptions } from './worker-rig.ts';

export interface CodeRig {
  readonly url: string;
  /** One run of an agent, whose model is a script of the simulator. */
  run(agent: string, script: string, options?: RunOptions): AsyncGenerator<RunEvent, void>;
  stats(): Promise<SimulatorStats>;
  close(): Promise<void>;
}

export async function startCodeRig(folder: string): Promise<CodeRig> {
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const baseUrl = `${simulator.url}/v1`;
  const name = 'default';
  const endpoint = { name, baseUrl, apiKey: 'key-for-tests', connections: 10, prices: {} };
  const provider = new Providers([endpoint], SILENT);
  const modules = await loadModules(folder);
  const file = AgentsFile.parse({ agents: [{ name: 'sim/*', model: '*', tools: ['shout'] }] });
  const { agents } = withModules(file, modules, 'default');
  const log = { ...SILENT, debug: () => {}, error: () => {} };
  const tools = openTools({
    fetchAllow: [],
    threads: 1,
    memoryMib: 64,
    ofModules: (threads) => moduleTools(modules, threads, log),
  });
  tools.tools.check(agents);
  const find = codeAgents(modules, { current: { agents } });
  const code = new CodeAgentRunner({ find, provider, tools: tools.tools, log });
  const runner = firstOf(code, new AgentRunner(agents, provider, Math.random, tools));
  return {
    url: simulator.url,
    run: (agent, script, options = {}) => {
      const request: RunRequest = requestOf(script, { ...options, agent });
      const { signal = new AbortController().signal } = options;
      const { run, requestId } = request;
      const context = { run, requestId, attempt: 1, signal, log: SILENT };
      return runner.run(request, context) as AsyncGenerator<RunEvent, void>;
    },
    stats: async () => (await (await fetch(`${simulator.url}/stats`)).json()) as SimulatorStats,
    close: async () => {
      await tools.close();
      await provider.close();
      await simulator.close();
    },
  };
}
