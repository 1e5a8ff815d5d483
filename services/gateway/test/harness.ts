/**
 * A real gateway over HTTP with a run queue in memory. Imports what the build made: Nest needs it.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { AgentProfile } from '@switchboard/contract';
import type * as GatewayModule from '../src/gateway.ts';
import type { Gateway, GatewayLimits } from '../src/gateway.ts';
import { FakeRuns, MemoryBucket } from './fake-runs.ts';

// By URL, so that the compiler does not take the built file into the project.
const built = new URL('../dist/gateway.js', import.meta.url).href;
const { Gateway: BuiltGateway } = (await import(built)) as typeof GatewayModule;

export interface LogLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TestGateway extends AsyncDisposable {
  readonly runs: FakeRuns;
  readonly erased: readonly string[];
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly buckets: { readonly responses: MemoryBucket; readonly idempotency: MemoryBucket };
  readonly gateway: Gateway;
  readonly port: number;
  readonly url: string;
  readonly lines: LogLine[];
  queueReady: boolean;
  /** The log line of the next request that ends. */
  requestLine(): Promise<LogLine['fields']>;
}

const NAMES = ['assistant', 'coder', 'team/writer', 'a', 'b', 'c', 'sim/*'];

export async function startGateway(limits: Partial<GatewayLimits> = {}): Promise<TestGateway> {
  const runs = new FakeRuns();
  const erased: string[] = [];
  const inputs = new Map<string, Uint8Array>();
  const buckets = { responses: new MemoryBucket(), idempotency: new MemoryBucket() };
  const lines: LogLine[] = [];
  const waiting: ((fields: LogLine['fields']) => void)[] = [];
  const write = (fields: object, message: string) => {
    const line = { message, fields: { ...fields } };
    lines.push(line);
    if (message === 'request') waiting.shift()?.(line.fields);
  };
  const log = { debug: write, info: write, warn: write, error: write };
  const silent = { log() {}, error() {}, warn() {}, debug() {}, fatal() {}, verbose() {} };
  const state = { queueReady: true };
  const gateway = await BuiltGateway.create({
    runs,
    buckets,
    putInput: async (run, data) => void inputs.set(run, data),
    deleteInput: async (run) => void inputs.delete(run),
    erase: async (run) => void erased.push(run),
    queueReady: () => state.queueReady,
    profiles: NAMES.map((name) => AgentProfile.parse({ name, model: '*' })),
    version: '0.0.0',
    log,
    nestLog: silent,
    limits: {
      bodyMaxBytes: 100_000,
      bodyTimeoutMs: 30_000,
      heartbeatIntervalMs: 15_000,
      statusHoldMs: 5_000,
      startedHoldMs: 0,
      resumeWindowMs: 30_000,
      ...limits,
    },
  });
  const port = await gateway.listen(0, '127.0.0.1');
  return Object.assign(state, {
    runs,
    buckets,
    erased,
    inputs,
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    requestLine: () => new Promise<LogLine['fields']>((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      gateway.stopIntake();
      gateway.abort();
      await gateway.drained();
      await gateway.close();
    },
  });
}

export const CHAT = { model: 'assistant', messages: [{ role: 'user', content: 'Hello' }] };

export function post(
  server: TestGateway,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** A socket that says exactly what it is told to. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  readonly closed: Promise<void>;
  #arrived = Promise.withResolvers<void>();

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (data) => {
      this.received += data.toString();
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  /** Sends a chat request with its body. */
  chat(body: object, headers = ''): void {
    this.request('/v1/chat/completions', body, headers);
  }

  /** Posts JSON. */
  request(path: string, body: object, headers = ''): void {
    const text = JSON.stringify(body);
    this.socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(text)}\r\n${headers}\r\n${text}`,
    );
  }

  /** Resolves when `pattern` has been received. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.received)) {
      if (this.socket.destroyed) throw new Error(`closed before ${pattern}: ${this.received}`);
      await Promise.race([this.#arrived.promise, this.closed]);
    }
  }
}
