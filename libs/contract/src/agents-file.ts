/** The file that AGENTS_FILE names: agents, and what they use. All services read the same. */
import { z } from 'zod';
import { AgentProfile } from './agent-profile.ts';
import { DEFAULT_PROVIDER, McpServerSettings, ProviderSettings } from './providers.ts';

const Shape = z.strictObject({
  agents: z.array(AgentProfile).min(1),
  providers: z.array(ProviderSettings).max(64).default([]),
  mcp_servers: z.array(McpServerSettings).max(64).default([]),
});

export const AgentsFile = Shape.superRefine((file, context) => {
  const problem = (path: PropertyKey[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  if (hasTwice(file.agents)) problem([], 'two agents have the same name');
  if (hasTwice(file.providers)) problem([], 'two providers have the same name');
  if (hasTwice(file.mcp_servers)) problem([], 'two MCP servers have the same name');
  const providers = new Set([DEFAULT_PROVIDER, ...file.providers.map(({ name }) => name)]);
  const servers = new Set(file.mcp_servers.map(({ name }) => name));
  for (const [index, agent] of file.agents.entries()) {
    const at = (...keys: PropertyKey[]): PropertyKey[] => ['agents', index, ...keys];
    if (!providers.has(agent.provider)) problem(at('provider'), 'no provider has this name');
    for (const [number, { provider }] of agent.fallback.entries()) {
      if (providers.has(provider)) continue;
      problem(at('fallback', number, 'provider'), 'no provider has this name');
    }
    for (const [number, server] of agent.mcp_servers.entries()) {
      if (!servers.has(server)) problem(at('mcp_servers', number), 'no MCP server has this name');
    }
    if (agent.truncation === 'auto' && agent.context_tokens === undefined) {
      problem(at('context_tokens'), 'truncation: auto needs it');
    }
  }
});
export type AgentsFile = z.infer<typeof AgentsFile>;

function hasTwice(named: readonly { readonly name: string }[]): boolean {
  return new Set(named.map(({ name }) => name)).size < named.length;
}
