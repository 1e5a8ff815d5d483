import { isDeepStrictEqual } from 'node:util';
import type { AgentProfile, AgentsFile, McpServerSettings } from '@switchboard/contract';
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

/** Most connections that are kept for runs which began before a change of the file. */
const RETIRED_MAX = 16;

/** The MCP servers of the agents' file as a source of tools. Docs: docs/mcp.md. */
export class McpServers implements ToolSource {
  readonly #options: McpServersOptions;
  #servers: ReadonlyMap<string, McpServer>;
  /** With the timer that ends each. */
  readonly #retired = new Map<McpServer, NodeJS.Timeout>();
  /** Those whose end has begun: a close of the worker must know of them until it is over. */
  readonly #closing = new Set<McpServer>();

  constructor(options: McpServersOptions) {
    this.#options = options;
    this.#servers = new Map(options.servers.map((server) => [server.name, this.#open(server)]));
  }

  get status(): readonly McpServerStatus[] {
    return [...this.#servers.values()].map((server) => server.status);
  }

  /** When every server has been tried once, well or not; at the latest after `longestMs`. */
  async tried(longestMs: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, longestMs);
    const all = Promise.all([...this.#servers.values()].map((server) => server.tried));
    await Promise.race([all, late.promise]);
    clearTimeout(timer);
  }

  /**
   * The file has changed. A server whose settings are the same stays as it is; one that is changed
   * or gone is kept for the runs that have its tools already, for `keptMs`.
   */
  update(servers: readonly McpServerSettings[], keptMs: number): void {
    const before = this.#servers;
    const now = servers.map((settings) => {
      const old = before.get(settings.name);
      const same = old !== undefined && isDeepStrictEqual(old.settings, settings);
      return [settings.name, same ? old : this.#open(settings)] as const;
    });
    this.#servers = new Map(now);
    for (const [name, server] of before) {
      if (this.#servers.get(name) !== server) this.#retire(server, keptMs);
    }
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
    for (const timer of this.#retired.values()) clearTimeout(timer);
    const all = [...this.#servers.values(), ...this.#retired.keys(), ...this.#closing];
    await Promise.all(all.map((server) => server.close()));
  }

  #open(settings: McpServerSettings): McpServer {
    const { variable, log, limits, random = Math.random } = this.#options;
    const transport = (): McpTransport => transportOf(settings, variable, log);
    return new McpServer(settings, { transport, limits: { ...LIMITS, ...limits }, random, log });
  }

  #retire(server: McpServer, keptMs: number): void {
    const timer = setTimeout(() => this.#end(server), keptMs);
    this.#retired.set(server, timer);
    const [oldest] = this.#retired.keys();
    if (this.#retired.size > RETIRED_MAX && oldest !== undefined) this.#end(oldest);
  }

  #end(retired: McpServer): void {
    clearTimeout(this.#retired.get(retired));
    // At once: many are retired in one turn, and each must find another one to be the oldest.
    this.#retired.delete(retired);
    this.#closing.add(retired);
    void retired.close().then(() => this.#closing.delete(retired));
  }
}

/** Those that agents of a pool name: the others are no business of its workers. */
export function serversOf(file: AgentsFile, pool: string): readonly McpServerSettings[] {
  const mine = file.agents.filter((agent) => agent.pool === pool);
  const named = new Set(mine.flatMap((agent) => agent.mcp_servers));
  return file.mcp_servers.filter(({ name }) => named.has(name));
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
    const value = readVariable(variable, name);
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

/** @throws ServerFault when it can be read no longer, such as a file that is gone */
function readVariable(variable: McpServersOptions['variable'], name: string): string | undefined {
  try {
    return variable(name);
  } catch {
    throw new ServerFault(`the variable ${name} cannot be read`);
  }
}
