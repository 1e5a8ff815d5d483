/**
 * A real gateway over HTTP with a run queue in memory. Imports what the build made: Nest needs it.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { AgentProfile } from '@switchboard/contract';
import { SCOPES } from '../src/accounts/caller.ts';
import type { Caller } from '../src/accounts/caller.ts';
import type { Authenticator } from '../src/accounts/doorkeeper.ts';
import { CapacityGate } from '../src/capacity/capacity-gate.ts';
import { Reservations } from '../src/capacity/reservations.ts';
import { ownerOf } from '../src/accounts/local-owner.ts';
import { Entrance } from '../src/entrance/entrance.ts';
import { Limits } from '../src/limits/limits.ts';
import type * as GatewayModule from '../src/gateway.ts';
import type { Gateway, GatewayLimits, GatewayOptions } from '../src/gateway.ts';
import type { Viewer } from '../src/pool-view/views.ts';
import { FakeFleet } from './fake-fleet.ts';
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
  readonly fleet: FakeFleet;
  readonly erased: readonly string[];
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly buckets: { readonly responses: MemoryBucket; readonly idempotency: MemoryBucket };
  readonly gateway: Gateway;
  readonly port: number;
  readonly url: string;
  readonly lines: LogLine[];
  queueReady: boolean;
  /** Who looks at the pool. Undefined: as without keys. */
  viewer: Viewer | undefined;
  /** The log line of the next request that ends. */
  requestLine(): Promise<LogLine['fields']>;
}

const NAMES = ['assistant', 'coder', 'team/writer', 'a', 'b', 'c', 'sim/*'];
const PROFILES = NAMES.map((name) => AgentProfile.parse({ name, model: '*' }));

/** What takes the place of the harness's own. */
export interface Guards {
  readonly accounts?: Authenticator;
  readonly entrance?: Entrance;
  readonly ownUse?: GatewayOptions['ownUse'];
}

export async function startGateway(
  limits: Partial<GatewayLimits> = {},
  guards: Guards = {},
): Promise<TestGateway> {
  const runs = new FakeRuns();
  const fleet = new FakeFleet();
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
  const state: { queueReady: boolean; viewer: Viewer | undefined } = {
    queueReady: true,
    viewer: undefined,
  };
  const gateway = await BuiltGateway.create({
    runs,
    buckets,
    putInput: async (run, data) => void inputs.set(run, data),
    deleteInput: async (run) => void inputs.delete(run),
    erase: async (run) => void erased.push(run),
    queueReady: () => state.queueReady,
    fleet,
    findPlace: async () => fleet.place,
    accounts: {
      configured: false,
      authenticate: (key) => Promise.resolve(callerWith(key, state.viewer)),
    },
    entrance: openEntrance(),
    ...guards,
    profiles: () => PROFILES,
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
    fleet,
    buckets,
    erased,
    inputs,
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    requestLine: () => new Promise<LogLine['fields']>((resolve) => waiting.push(resolve)),
    [Symbol.asyncDispose]: async () => await stop(gateway),
  });
}

async function stop(gateway: Gateway): Promise<void> {
  gateway.stopIntake();
  gateway.abort();
  await gateway.drained();
  await gateway.close();
}

/** As without keys, or with the account and scopes of `viewer`. */
function callerWith(authorization: string | undefined, viewer: Viewer | undefined): Caller {
  const { account = 'local', scopes = new Set(SCOPES) } = viewer ?? {};
  return {
    id: account,
    name: account,
    user: account,
    tenant: 'default',
    scopes: new Set(SCOPES.filter((scope) => scope === 'api' || scopes.has(scope))),
    priority: 'normal',
    limits: {},
    owner: ownerOf(authorization),
  };
}

/** Nobody has limits, and nothing is known of the pools. */
function openEntrance(): Entrance {
  const unused = {
    add: () => Promise.reject(new Error('nobody has limits')),
    read: () => Promise.reject(new Error('nobody has limits')),
    correct: () => Promise.resolve(),
  };
  const gate = new CapacityGate(new Reservations({ now: () => performance.now() }));
  return new Entrance({
    maxOutstanding: 256,
    limits: new Limits({ minutes: unused, days: unused }),
    queues: { nextLane: () => 1, forecast: () => undefined },
    gate: () => gate,
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

  get(path: string): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  }

  /** Resolves when `pattern` has been received. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.received)) {
      if (this.socket.destroyed) throw new Error(`closed before ${pattern}: ${this.received}`);
      await Promise.race([this.#arrived.promise, this.closed]);
    }
  }
}
