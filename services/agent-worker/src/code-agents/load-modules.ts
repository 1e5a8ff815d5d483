import { setTimeout as sleep } from 'node:timers/promises';
import { isAgent, isTool } from '@switchboard/agent';
import type { Agent, Tool } from '@switchboard/agent';
import { AgentProfile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import { lendPackages } from './lent-packages.ts';
import { findModules } from './module-entries.ts';
import type { ModuleEntry } from './module-entries.ts';

/** Longest import of a module: it may connect to something first, but not wait for ever. */
const IMPORT_MS = 30_000;
/** Longest part of a module's own error that is shown, in characters. */
const REASON_CHARS = 300;

export interface LoadedAgent {
  readonly agent: Agent;
  /** What its definition says, with the defaults of the agents' file. */
  readonly profile: AgentProfile;
  /** As it stands in the folder. */
  readonly module: string;
}

export interface LoadedTool {
  readonly tool: Tool;
  readonly module: string;
  readonly url: string;
  /** Undefined: only an agent's `tools` has it. */
  readonly exportName: string | undefined;
}

export interface CodeModules {
  readonly agents: readonly LoadedAgent[];
  readonly tools: readonly LoadedTool[];
}

export const NO_MODULES: CodeModules = { agents: [], tools: [] };

/**
 * Imports every module of the folder and takes the agents and tools that they export. All or
 * nothing: an agent that is missing without a word would be found out by its callers.
 * @throws ConfigError with every problem of every module, by its name
 */
export async function loadModules(folder: string, importMs = IMPORT_MS): Promise<CodeModules> {
  lendPackages();
  const { entries, problems: unread } = findModules(folder);
  const loaded = await Promise.all(entries.map((entry) => loadOne(entry, importMs)));
  // Two modules may export the same one, a shared file's: that is one.
  const agents = distinct(
    loaded.flatMap((one) => one.agents),
    ({ agent }) => agent,
  );
  const found = loaded.flatMap((one) => one.tools);
  const exported = found.filter(({ exportName }) => exportName !== undefined);
  const tools = distinct([...exported, ...found], ({ tool }) => tool);
  const problems = [
    ...unread,
    ...loaded.flatMap((one) => one.problems),
    ...tools
      .filter(({ exportName, tool }) => tool.isolated === true && exportName === undefined)
      .map(({ module, tool }) => `${module}: tool ${tool.name}: an isolated tool must be exported`),
    ...sharedNames('agent', agents),
    ...sharedNames('tool', tools),
  ];
  if (problems.length > 0) throw new ConfigError(problems.map((line) => `AGENTS_DIR: ${line}`));
  return { agents, tools };
}

interface Loaded extends CodeModules {
  readonly problems: readonly string[];
}

async function loadOne({ name: module, url }: ModuleEntry, importMs: number): Promise<Loaded> {
  const bad = (problem: string): Loaded => ({
    ...NO_MODULES,
    problems: [`${module}: ${problem}`],
  });
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await importWithin(url, importMs);
  } catch (thrown) {
    return bad(
      thrown instanceof TooSlow ? thrown.message : `cannot be imported: ${reasonOf(thrown)}`,
    );
  }
  const agents = [...new Set(Object.values(exported).filter(isAgent))];
  const tools = toolsIn(exported, agents);
  if (agents.length === 0 && tools.size === 0) {
    return bad('exports no agent (defineAgent) and no tool (defineTool)');
  }
  const problems: string[] = [];
  const read = agents.map((agent) => ({ agent, profile: profileOf(agent) }));
  for (const { agent, profile } of read) {
    if (!Array.isArray(profile)) continue;
    problems.push(...profile.map((problem) => `${module}: agent ${agent.name}: ${problem}`));
  }
  return {
    agents: read.flatMap(({ agent, profile }) =>
      Array.isArray(profile) ? [] : [{ agent, profile, module }],
    ),
    tools: [...tools].map(([tool, exportName]) => ({ tool, module, url, exportName })),
    problems,
  };
}

class TooSlow extends Error {}

async function importWithin(url: string, importMs: number): Promise<Record<string, unknown>> {
  const done = new AbortController();
  const limit = async (): Promise<never> => {
    await sleep(importMs, undefined, { signal: done.signal });
    throw new TooSlow(`its import takes longer than ${importMs / 1_000} seconds`);
  };
  try {
    return await Promise.race([import(url) as Promise<Record<string, unknown>>, limit()]);
  } finally {
    done.abort();
  }
}

/** The module's tools, and the name that each is exported by. */
function toolsIn(
  exported: Readonly<Record<string, unknown>>,
  agents: readonly Agent[],
): Map<Tool, string | undefined> {
  const tools = new Map<Tool, string | undefined>();
  for (const [exportName, value] of Object.entries(exported)) {
    if (isTool(value)) tools.set(value, exportName);
  }
  for (const tool of agents.flatMap((agent) => listOf(agent.tools)).filter(isTool)) {
    if (!tools.has(tool)) tools.set(tool, undefined);
  }
  return tools;
}

/** The definition as a profile, or what is wrong with it. */
function profileOf(agent: Agent): AgentProfile | string[] {
  const { tools = [], ...definition } = agent;
  const settings = Object.entries(definition).filter(([name]) => name !== 'run');
  const names = listOf(tools).map((tool) => (isTool(tool) ? tool.name : tool));
  const fields = { ...Object.fromEntries(settings), code: true, tools: names };
  const parsed = AgentProfile.safeParse(fields);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
}

/** Modules need not be typed: what is no list is the profile's business to refuse. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function distinct<Item>(items: readonly Item[], key: (item: Item) => object): Item[] {
  const seen = new Map<object, Item>();
  for (const item of items) if (!seen.has(key(item))) seen.set(key(item), item);
  return [...seen.values()];
}

function sharedNames(kind: 'agent' | 'tool', all: readonly (LoadedAgent | LoadedTool)[]): string[] {
  const byName = Map.groupBy(all, (one) => ('agent' in one ? one.agent.name : one.tool.name));
  return [...byName]
    .filter(([, same]) => same.length > 1)
    .map(([name, same]) => {
      const modules = new Set(same.map(({ module }) => module));
      return `${[...modules].join(', ')}: two ${kind}s are called ${name}`;
    });
}

/** A module's own words: whoever starts the worker is who put it there. */
function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return text.split('\n', 1)[0]?.slice(0, REASON_CHARS) ?? '';
}
