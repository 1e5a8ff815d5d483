import timers from 'node:timers/promises';
import type { McpServerSettings } from '@switchboard/contract';
import { CallSlots } from '../tools/call-slots.ts';
import { ToolError } from '../tools/tool.ts';
import type { Tool, ToolContext } from '../tools/tool.ts';
import { McpConnection } from './mcp-connection.ts';
import type { ConnectionLimits, McpTransport } from './mcp-connection.ts';
import { ServerFault } from './server-fault.ts';
import type { ListedTool, ToolList } from './tool-list.ts';
import { distinctName, toolName } from './tool-names.ts';

/**
 * - `connecting`: the first try since the start or since a loss; calls wait for its outcome.
 * - `connected`: its tools can be called.
 * - `broken`: it is tried again and again, with pauses; calls fail at once.
 * - `closed`: the worker ends.
 */
export type McpServerState = 'connecting' | 'connected' | 'broken' | 'closed';

export interface McpServerStatus {
  readonly name: string;
  readonly state: McpServerState;
  /** Why it is `broken`, in our words. */
  readonly reason?: string | undefined;
  /** How many tools it offers. */
  readonly tools: number;
  readonly callsRunning: number;
  readonly callsWaiting: number;
}

export interface McpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface McpServerParts {
  /** @throws ServerFault when it cannot even be tried */
  readonly transport: () => McpTransport;
  readonly limits: McpLimits;
  readonly random: () => number;
  readonly log: McpLog;
}

export interface McpLimits extends ConnectionLimits {
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
}

/** A connection that lasted so long was a good one: the next loss begins with the short pauses. */
const GOOD_MS = 10_000;

/**
 * One MCP server for as long as the worker lives: connected in the background, and again whenever
 * it is lost.
 *
 * - I1: at most `concurrency` calls at once; the others wait in order, and may be aborted.
 * - I2: whatever the server does, a call ends with its own time, and gives its slot back.
 */
export class McpServer {
  readonly settings: McpServerSettings;
  readonly #parts: McpServerParts;
  readonly #slots: CallSlots;
  readonly #closing = new AbortController();
  readonly #living: Promise<void>;
  readonly #tried = Promise.withResolvers<void>();
  #state: McpServerState = 'connecting';
  #reason: string | undefined;
  #connection: McpConnection | undefined;
  /** Settled when `connecting` is over. */
  #outcome = Promise.withResolvers<void>();
  #tools: readonly Tool[] = [];
  #toolProblems: readonly string[] = [];
  #running = 0;
  /** Without a good connection in between. */
  #losses = 0;
  /** When the connection began to stand. */
  #sinceMs = 0;

  constructor(settings: McpServerSettings, parts: McpServerParts) {
    this.settings = settings;
    this.#parts = parts;
    this.#slots = new CallSlots(settings.concurrency);
    this.#living = this.#live();
  }

  get status(): McpServerStatus {
    return {
      name: this.settings.name,
      state: this.#state,
      reason: this.#reason,
      tools: this.tools.length,
      callsRunning: this.#running,
      callsWaiting: this.#slots.waiting,
    };
  }

  /** Those that can be called now; during the first try after a loss, those there were before. */
  get tools(): readonly Tool[] {
    return this.#state === 'connected' || this.#state === 'connecting' ? this.#tools : [];
  }

  /** Why tools are missing; without the server's name. */
  get problems(): readonly string[] {
    if (this.#state === 'broken') return [this.#reason ?? 'it is not connected'];
    if (this.#state === 'closed') return ['the worker ends'];
    const neverConnected = this.#state === 'connecting' && this.#tools.length === 0;
    return neverConnected ? ['it is not connected yet'] : this.#toolProblems;
  }

  /** When the first try has ended, well or not. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  /** Ends calls, connection and process. Resolves when they are gone. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#living;
  }

  async #live(): Promise<void> {
    const { retryFirstMs, retryLongestMs } = this.#parts.limits;
    while (!this.#closing.signal.aborted) {
      if (this.#state === 'broken') {
        const longest = Math.min(retryFirstMs * 2 ** (this.#losses - 1), retryLongestMs);
        await this.#pause(longest * (0.5 + this.#parts.random() / 2));
      }
      await this.#connectOnce();
    }
    this.#set('closed');
  }

  /** One connection from its beginning until nothing of it is left. */
  async #connectOnce(): Promise<void> {
    const { log, limits } = this.#parts;
    const { name, tools, call_timeout: timeout } = this.settings;
    const { signal } = this.#closing;
    const lost = Promise.withResolvers<void>();
    let transport: McpTransport | undefined;
    let lostAlready: string | undefined;
    const onClosing = (): void => void transport?.close();
    if (signal.aborted) return;
    signal.addEventListener('abort', onClosing, { once: true });
    try {
      transport = this.#parts.transport();
      this.#connection = await McpConnection.open({
        transport,
        tools,
        callTimeoutMs: timeout * 1_000,
        limits,
        onTools: (list) => this.#take(list),
        onLost: (reason) => {
          if (this.#state === 'connected') this.#lose(reason);
          else lostAlready = reason;
          lost.resolve();
        },
      });
      this.#sinceMs = performance.now();
      this.#set('connected');
      log.info({ server: name, tools: this.#tools.length }, 'an MCP server is connected');
      // In the moment between the last answer and now.
      if (lostAlready !== undefined) this.#lose(lostAlready);
      await lost.promise;
      // Its process, or its session, may be there still.
      await transport.close();
    } catch (thrown) {
      if (thrown instanceof ServerFault) this.#lose(thrown.message);
      else {
        // A fault of ours: it must not take the worker with it.
        log.warn({ server: name, err: thrown }, 'the worker failed at an MCP server');
        this.#lose('it cannot be used for no known reason');
      }
    } finally {
      signal.removeEventListener('abort', onClosing);
    }
  }

  /** At once: the call that is told of the loss may be followed by another in the same turn. */
  #lose(reason: string): void {
    const wasConnected = this.#state === 'connected';
    if (wasConnected && performance.now() - this.#sinceMs > GOOD_MS) this.#losses = 0;
    this.#losses += 1;
    this.#connection = undefined;
    const { name: server } = this.settings;
    // It may be away for days: one line for each reason.
    if (this.#reason !== reason && !this.#closing.signal.aborted) {
      this.#parts.log.warn({ server, reason }, 'an MCP server cannot be used');
    }
    this.#reason = reason;
    // Most are back at once; one that was lost just now is given time.
    this.#set(wasConnected && this.#losses === 1 ? 'connecting' : 'broken');
    this.#tried.resolve();
  }

  #set(state: McpServerState): void {
    this.#state = state;
    if (state === 'connected') {
      this.#reason = undefined;
      this.#tried.resolve();
    }
    if (state === 'connecting') this.#outcome = Promise.withResolvers<void>();
    else this.#outcome.resolve();
  }

  #take({ tools, problems }: ToolList): void {
    const names = new Set<string>();
    this.#tools = tools.map((tool) => {
      const name = toolName(this.settings.name, tool.name);
      // `read.it` and `read_it` are written alike.
      const free = names.has(name) ? distinctName(this.settings.name, tool.name) : name;
      names.add(free);
      return this.#tool(free, tool);
    });
    this.#toolProblems = problems;
    if (problems.length === 0) return;
    const { name: server } = this.settings;
    this.#parts.log.warn({ server, problems }, 'an MCP server has tools that cannot be used');
  }

  #tool(name: string, listed: ListedTool): Tool {
    const { description, parameters, sideEffects } = listed;
    return {
      name,
      description,
      parameters,
      source: this.settings.name,
      sideEffects,
      run: (input, context) => this.#call(listed.name, input, context),
    };
  }

  async #call(tool: string, input: unknown, { signal }: ToolContext): Promise<string> {
    if (!isRecord(input)) throw new ToolError('The arguments must be a JSON object.');
    const release = await this.#slots.take(signal);
    this.#running += 1;
    try {
      const connection = await this.#connected(signal);
      return await connection.call(tool, input, signal);
    } finally {
      this.#running -= 1;
      release();
    }
  }

  async #connected(signal: AbortSignal): Promise<McpConnection> {
    if (this.#state === 'connecting') await orAborted(this.#outcome.promise, signal);
    if (this.#connection === undefined || this.#state !== 'connected') {
      const [reason = 'it is not connected'] = this.problems;
      throw new ToolError(`The MCP server of this tool cannot be used now: ${reason}.`);
    }
    return this.#connection;
  }

  async #pause(ms: number): Promise<void> {
    // Woken by the close.
    await timers.setTimeout(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
