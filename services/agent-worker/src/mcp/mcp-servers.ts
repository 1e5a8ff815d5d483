import type { AgentProfile, McpServerSettings } from '@switchboard/contract';
import type { Tool, ToolSet, ToolSource } from '../tools/tool.ts';
import { HttpTransport } from './http-transport.ts';
import type { McpTransport } from './mcp-connection.ts';
import { McpServer } from './mcp-server.ts';
import type { McpLimits, McpLog, McpServerStatus } from './mcp-server.ts';
import { ServerFault } from './server-fault.ts';
import { StdioTransport } from './stdio-transport.ts';
import { distinctName } from './tool-names.ts';

export interface McpServersOptions {
  /** Those that agents of this worker name. */
  readonly servers: readonly McpServerSettings[];
  /** A variable of the worker's environment; undefined when it is not set. */
  readonly variable: (name: string) => string | undefined;
  readonly log: McpLog;
  readonly limits?: Partial<McpLimits>;
  readonly random?: () => number;
}

const LIMITS: McpLimits = {
  // The first start of a package by `npx` may take that long.
  connectTimeoutMs: 30_000,
  probeTimeoutMs: 10_000,
  retryFirstMs: 500,
  retryLongestMs: 30_000,
};
/** What a server's process is always given. */
const ALWAYS_GIVEN = ['PATH', 'HOME'];

/** The MCP servers of the agents' file as a source of tools. Docs: docs/mcp.md. */
export class McpServers implements ToolSource {
  readonly #servers: ReadonlyMap<string, McpServer>;

  constructor({ servers, variable, log, limits, random = Math.random }: McpServersOptions) {
    this.#servers = new Map(
      servers.map((settings) => {
        const transport = (): McpTransport => transportOf(settings, variable, log);
        const parts = { transport, limits: { ...LIMITS, ...limits }, random, log };
        return [settings.name, new McpServer(settings, parts)];
      }),
    );
  }

  get status(): readonly McpServerStatus[] {
    return [...this.#servers.values()].map((server) => server.status);
  }

  /** When every server has been tried once, well or not. */
  async tried(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.tried));
  }

  toolsFor(profile: AgentProfile): ToolSet {
    const tools = new Map<string, Tool>();
    const problems: string[] = [];
    for (const name of profile.mcp_servers) {
      const server = this.#servers.get(name);
      if (server === undefined) {
        problems.push(`${name}: no MCP server has this name`);
        continue;
      }
      problems.push(...server.problems.map((problem) => `${name}: ${problem}`));
      for (const tool of server.tools) addTool(tools, tool, problems);
    }
    return { tools: [...tools.values()], problems };
  }

  /** Ends every server's connection and process. Resolves when they are gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }
}

/** The first of two with one name keeps it: `a` with `b_c` is written as `a_b` with `c` is. */
function addTool(tools: Map<string, Tool>, tool: Tool, problems: string[]): void {
  const name = tools.has(tool.name) ? distinctName(tool.source, tool.name) : tool.name;
  if (tools.has(name)) problems.push(`${tool.source}: two tools have the name ${name}`);
  else tools.set(name, name === tool.name ? tool : { ...tool, name });
}

/** @throws ServerFault when a variable is missing */
function transportOf(
  settings: McpServerSettings,
  variable: McpServersOptions['variable'],
  log: McpLog,
): McpTransport {
  const needed = (name: string): string => {
    const value = variable(name);
    if (value === undefined) throw new ServerFault(`the variable ${name} is not set`);
    return value;
  };
  const { name, command, args, url, headers, bearer_env: bearer, concurrency } = settings;
  if (command !== undefined) {
    const given = ALWAYS_GIVEN.filter((always) => variable(always) !== undefined);
    const names = [...given, ...settings.env];
    const env = Object.fromEntries(names.map((named) => [named, needed(named)]));
    return new StdioTransport({ command, args, env }, name, log);
  }
  if (url === undefined) throw new ServerFault('it has neither a command nor an address');
  const token = bearer === undefined ? {} : { authorization: `Bearer ${needed(bearer)}` };
  return new HttpTransport({ url, headers: { ...headers, ...token }, concurrency });
}
