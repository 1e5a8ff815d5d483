import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { ChildGroup } from './child-group.ts';
import type { ChildCommand } from './child-group.ts';
import { LineReader } from './line-reader.ts';
import { MESSAGE_LENGTH_MAX, MessageGate } from './message-gate.ts';
import { ServerFault } from './server-fault.ts';

/** Most that waits for a server to read it. */
const UNREAD_MAX_BYTES = 4 * 1024 * 1024;
/** Most that is logged of what a server writes on stderr at once, and how often in a second. */
const STDERR_LENGTH_MAX = 2_000;
const STDERR_LINES_MAX = 20;

export interface StdioLog {
  debug(fields: object, message: string): void;
}

/**
 * A server of ours, spoken to over stdin and stdout. The SDK's own transport neither kills what a
 * server starts itself, nor bounds what waits to be written or how often it is spoken to, and it
 * closes a server whose line is too long while the calls wait on.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #command: ChildCommand;
  readonly #server: string;
  readonly #log: StdioLog;
  readonly #gate = new MessageGate();
  #child: ChildGroup | undefined;
  #closed = false;

  constructor(command: ChildCommand, server: string, log: StdioLog) {
    this.#command = command;
    this.#server = server;
    this.#log = log;
  }

  /** @throws ServerFault */
  async start(): Promise<void> {
    const child = await ChildGroup.start(this.#command);
    this.#child = child;
    // It was closed while the process came up.
    if (this.#closed) return child.end();
    const lines = new LineReader(MESSAGE_LENGTH_MAX, (line) => this.#take(line));
    child.stdout.on('data', (bytes: Buffer) => {
      if (this.#closed || lines.take(bytes)) return;
      this.#fail(new ServerFault(`it sent a line of more than ${MESSAGE_LENGTH_MAX} bytes`));
    });
    this.#logStderr(child);
    void child.ended.then((how) => this.#fail(new ServerFault(`it has ended (${how})`)));
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (this.#closed || stdin === undefined || stdin.destroyed) return Promise.resolve();
    this.#gate.sent(message);
    stdin.write(`${JSON.stringify(message)}\n`);
    if (stdin.writableLength > UNREAD_MAX_BYTES) {
      this.#fail(new ServerFault('it does not read what it is sent'));
    }
    return Promise.resolve();
  }

  /** Resolves when the process is gone. */
  async close(): Promise<void> {
    this.#finish();
    await this.#child?.end();
  }

  #take(line: string): void {
    // The lines behind one that was too much.
    if (this.#closed || line === '') return;
    try {
      const message = this.#gate.receive(line);
      if (message !== undefined) this.onmessage?.(message);
    } catch (thrown) {
      this.#fail(thrown instanceof Error ? thrown : new ServerFault('it failed'));
    }
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.onerror?.(error);
    this.#finish();
    void this.#child?.end();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onclose?.();
  }

  /** What servers say of themselves may quote a call: it is for whoever looks for a fault. */
  #logStderr(child: ChildGroup): void {
    let [logged, windowMs] = [0, performance.now()];
    child.stderr.on('data', (bytes: Buffer) => {
      if (performance.now() - windowMs > 1_000) [logged, windowMs] = [0, performance.now()];
      logged += 1;
      if (logged > STDERR_LINES_MAX) return;
      const said = bytes.toString('utf8').slice(0, STDERR_LENGTH_MAX);
      this.#log.debug({ server: this.#server, said }, 'an MCP server writes on stderr');
    });
  }
}
