import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ErrorCode,
  McpError,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { ToolError } from '../tools/tool.ts';
import { NO_ANSWER, isStandIn } from './message-gate.ts';
import { Refresher } from './refresher.ts';
import { ServerFault } from './server-fault.ts';
import { listTools } from './tool-list.ts';
import type { ToolList } from './tool-list.ts';
import { CallResult, errorText, toolOutput } from './tool-output.ts';

export interface ConnectionOptions {
  readonly transport: McpTransport;
  /** Which of its tools; undefined: all. */
  readonly tools: readonly string[] | undefined;
  readonly callTimeoutMs: number;
  readonly limits: ConnectionLimits;
  /** The server has changed its list. */
  readonly onTools: (list: ToolList) => void;
  /** It is gone, also one that never stood; calls are told after this. Why, in our words. */
  readonly onLost: (reason: string) => void;
}

/** `listen`: hears what the server says by itself, where that takes a request of its own. */
export type McpTransport = Transport & { listen?(): Promise<void> };

export interface ConnectionLimits {
  /** For each answer until the connection stands. */
  readonly connectTimeoutMs: number;
  /** How long a server that has let a call go unanswered may take to show a sign of life. */
  readonly probeTimeoutMs: number;
}

/** Calls given up in a row, with no sign of life since, after which a server is taken for hung. */
const SILENT_MAX = 2;
/** Codes of the SDK's own errors; servers may send any number. */
const TIMED_OUT: number = ErrorCode.RequestTimeout;
const CLOSED: number = ErrorCode.ConnectionClosed;
const CLIENT = { name: 'switchboard', version: '0.1.0' };

/**
 * One connection to a server, from the handshake to its loss; it does not come back.
 *
 * The worker offers the server nothing (no sampling, no elicitation, no roots). The SDK's client
 * does the handshake and pairs answers with requests. Its `callTool` and `listTools` are not used:
 * they compile a schema for every tool's output, and one bad tool hides all.
 */
export class McpConnection {
  readonly #client: Client;
  readonly #options: ConnectionOptions;
  readonly #refresher: Refresher;
  #why: string | undefined;
  #heard = 0;
  #silent = 0;
  #probing = false;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    const client = new Client(CLIENT, { capabilities: {} });
    this.#client = client;
    // The SDK has properties where others have events.
    /* oxlint-disable unicorn/prefer-add-event-listener */
    client.onerror = (error) => {
      if (error instanceof ServerFault) this.#why ??= error.message;
    };
    client.onclose = () => {
      this.#refresher.close();
      options.onLost(this.#why ?? 'the connection was closed');
    };
    // The client calls what it finds here before its own.
    options.transport.onmessage = (message) => {
      if (!isStandIn(message)) this.#heard += 1;
    };
    /* oxlint-enable unicorn/prefer-add-event-listener */
    this.#refresher = new Refresher(async () => options.onTools(await this.#list()));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.#refresher.wanted();
    });
  }

  /** Connects and asks for the tools. @throws ServerFault; nothing is left open then */
  static async open(options: ConnectionOptions): Promise<McpConnection> {
    const connection = new McpConnection(options);
    const { limits, transport } = options;
    try {
      await connection.#client.connect(transport, { timeout: limits.connectTimeoutMs });
      options.onTools(await connection.#list());
      if (connection.#client.getServerCapabilities()?.tools?.listChanged === true) {
        void transport.listen?.();
      }
      return connection;
    } catch (thrown) {
      await transport.close();
      throw new ServerFault(connection.#why ?? connectFault(thrown));
    }
  }

  /**
   * Calls a tool. When the signal aborts, or the time is over, it returns at once, whatever the
   * server does, and the server is told that nobody waits any more.
   * @throws ToolError; the reason of the signal
   */
  async call(
    name: string,
    input: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<string> {
    // The SDK never takes its listener off a signal, and a run's outlives the call.
    const call = new AbortController();
    const onAbort = (): void => call.abort('nobody waits for it any more');
    signal.throwIfAborted();
    // In this very turn, while the call was on its way here.
    if (this.#client.transport === undefined) throw this.#lostError();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const request = { method: 'tools/call' as const, params: { name, arguments: input } };
      const limits = { signal: call.signal, timeout: this.#options.callTimeoutMs };
      return toolOutput(await this.#client.request(request, CallResult, limits));
    } catch (thrown) {
      if (call.signal.aborted || unanswered(thrown)) void this.#probe();
      signal.throwIfAborted();
      throw this.#toolError(thrown);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #list(): Promise<ToolList> {
    // A server may have resources only; asked for tools it would answer with an error.
    if (this.#client.getServerCapabilities()?.tools === undefined) {
      return Promise.resolve({ tools: [], problems: ['it has no tools'] });
    }
    const { tools, limits } = this.#options;
    return listTools(this.#client, tools, limits.connectTimeoutMs);
  }

  /**
   * A call had no answer: is it the call, or the server? One that has lost our session may refuse
   * all that we say, and with many statuses.
   */
  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const heard = this.#heard;
    try {
      await this.#client.ping({ timeout: this.#options.limits.probeTimeoutMs });
    } catch {
      // Any other sign of life will do; the count below says so.
    }
    this.#probing = false;
    this.#silent = this.#heard === heard ? this.#silent + 1 : 0;
    if (this.#silent < SILENT_MAX) return;
    this.#why ??= 'it does not answer';
    await this.#options.transport.close();
  }

  #lostError(): ToolError {
    return new ToolError(`The MCP server was lost in mid-call: ${this.#why ?? 'it was closed'}.`);
  }

  #toolError(thrown: unknown): unknown {
    if (thrown instanceof ToolError) return thrown;
    if (!(thrown instanceof McpError)) {
      return new ToolError('The answer of the MCP server is no result of a tool.');
    }
    if (timedOut(thrown)) {
      return new ToolError(`The tool gave no answer in ${this.#options.callTimeoutMs} ms.`);
    }
    // A server that says the same of something behind it is still there.
    const isGone = this.#client.transport === undefined;
    if (isGone && thrown.code === CLOSED) return this.#lostError();
    return new ToolError(errorText(`The MCP server failed: ${wordsOf(thrown)}`));
  }
}

/** A call whose time was over, or whose answer could not be had. */
function unanswered(thrown: unknown): boolean {
  return thrown instanceof McpError && (timedOut(thrown) || thrown.code === NO_ANSWER);
}

/** Only the SDK says how long it has waited: a server may answer with the same code. */
function timedOut({ code, data }: McpError): boolean {
  return (
    code === TIMED_OUT &&
    typeof (data as { timeout?: unknown } | null | undefined)?.timeout === 'number'
  );
}

/** The SDK puts the code before the server's words, which a model has no use for. */
function wordsOf({ message }: McpError): string {
  return message.replace(/^MCP error -?\d+: /, '');
}

function connectFault(thrown: unknown): string {
  if (thrown instanceof ServerFault) return thrown.message;
  if (!(thrown instanceof McpError)) return 'it does not speak a version of MCP that we know';
  if (timedOut(thrown)) return 'it does not answer';
  return `it refuses the connection (${thrown.code})`;
}
