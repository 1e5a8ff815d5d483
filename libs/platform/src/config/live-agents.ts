import { hash } from 'node:crypto';
import type { AgentProfile, AgentsFile } from '@switchboard/contract';
import {
  AGENTS_FILE,
  AGENTS_FILE_MAX_BYTES,
  agentsWithoutFile,
  readAgents,
} from './agents-file.ts';
import { WatchedFile } from './watched-file.ts';
import type { WatchedFileLog } from './watched-file.ts';

/** What the agents' file says at one time. It never changes: whoever began with it keeps it. */
export interface Agents extends AgentsFile {
  /** The same for the same text, in every process; `built-in` without a file. */
  readonly version: string;
}

export interface LiveAgentsOptions {
  /** AGENTS_FILE; undefined: `builtIn` for ever. */
  readonly path: string | undefined;
  readonly builtIn: readonly AgentProfile[];
  /**
   * What a file comes to in this service: agents that are defined elsewhere join it. @throws
   * ConfigError the two do not go together
   */
  readonly extend?: ((file: AgentsFile) => AgentsFile) | undefined;
  /**
   * What the file must be to this service besides well formed, and what must be ready before it is
   * in use; asked of every new one. What it throws refuses the file: a {@link ConfigError} with all
   * problems, none of them with a value.
   */
  readonly check?: ((agents: Agents) => void | Promise<void>) | undefined;
  /** How often the file is looked at. Default 1,000 ms. */
  readonly pollIntervalMs?: number | undefined;
  readonly log: WatchedFileLog;
}

const POLL_INTERVAL_MS = 1_000;
/** Digits of a version: enough to tell one from another in a log. */
const VERSION_DIGITS = 12;

/**
 * The agents, providers and MCP servers of the file, as they are now. A new file is in use when it
 * is whole, well formed and has passed the service's own check, from one moment to the next. Until
 * then, and when it is refused or removed, the last good one stays: see {@link WatchedFile}.
 */
export class LiveAgents {
  readonly #listeners = new Set<(now: Agents, before: Agents) => void>();
  #current: Agents;
  #file: WatchedFile<Agents> | undefined;

  /** @throws ConfigError when the file, as it is now, is refused. */
  static async open(options: LiveAgentsOptions): Promise<LiveAgents> {
    const { path, builtIn, check, extend = (file) => file } = options;
    const live = new LiveAgents({ ...agentsWithoutFile(builtIn), version: 'built-in' });
    if (path === undefined) {
      live.#current = { ...live.#current, ...extend(live.#current) };
      await check?.(live.#current);
    } else {
      live.#file = await live.#follow(path, options);
      live.#current = live.#file.value;
    }
    return live;
  }

  private constructor(current: Agents) {
    this.#current = current;
  }

  get current(): Agents {
    return this.#current;
  }

  /** What is wrong with the file now, while an older reading of it is in use. */
  get problem(): string | undefined {
    return this.#file?.problem;
  }

  /** Calls `listener` when another file is in use; it must not throw. @returns the end of it */
  onChange(listener: (now: Agents, before: Agents) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks now instead of at the next poll: what was read twice is in use. Never throws. */
  async look(): Promise<void> {
    await this.#file?.look();
  }

  close(): void {
    this.#file?.close();
    this.#listeners.clear();
  }

  async #follow(path: string, options: LiveAgentsOptions): Promise<WatchedFile<Agents>> {
    const { check, extend = (file) => file, pollIntervalMs = POLL_INTERVAL_MS, log } = options;
    return await WatchedFile.open<Agents>({
      variable: AGENTS_FILE,
      path,
      maxBytes: AGENTS_FILE_MAX_BYTES,
      parse: async (text) => {
        const agents = { ...extend(readAgents(text)), version: versionOf(text) };
        await check?.(agents);
        return agents;
      },
      describe: (agents) => ({ version: agents.version, ...changes(this.#current, agents) }),
      onChange: (agents) => this.#change(agents),
      pollIntervalMs,
      log,
    });
  }

  #change(agents: Agents): void {
    const before = this.#current;
    this.#current = agents;
    for (const listener of this.#listeners) listener(agents, before);
  }
}

function versionOf(text: string): string {
  return hash('sha256', text).slice(0, VERSION_DIGITS);
}

/** Names of agents, which callers see too. */
function changes(before: Agents, now: Agents): object {
  const known = new Map(before.agents.map((agent) => [agent.name, JSON.stringify(agent)]));
  const names = new Set(now.agents.map(({ name }) => name));
  const added = now.agents.filter(({ name }) => !known.has(name));
  const changed = now.agents.filter((agent) => {
    const text = known.get(agent.name);
    return text !== undefined && text !== JSON.stringify(agent);
  });
  return {
    before: before.version,
    added: added.map(({ name }) => name),
    changed: changed.map(({ name }) => name),
    removed: [...known.keys()].filter((name) => !names.has(name)),
  };
}
