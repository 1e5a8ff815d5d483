/** A real nats-server with gateways' and workers' ends of the transport in this process. */
import { AgentProfile, type RunEvent, type RunRequest } from '@switchboard/contract';
import { type NatsServer, startNats } from '@switchboard/stack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  AgentServer,
  type AgentServerOptions,
  NatsLink,
  RunClient,
  type RunContext,
  type Submission,
  type TransportLog,
} from '../src/index.ts';

export const silent: TransportLog = { debug() {}, info() {}, warn() {}, error() {} };

export type Handler = (request: RunRequest, context: RunContext) => AsyncIterable<RunEvent>;

/** Answers at once. */
export async function* answerAtOnce(): AsyncGenerator<RunEvent> {
  yield { type: 'text.delta', text: 'hello' };
  yield { type: 'completed', finishReason: 'stop' };
}

export interface Gateway {
  readonly link: NatsLink;
  readonly client: RunClient;
  /** As when its process is killed: nothing more is said, and nothing is ended. */
  kill(): Promise<void>;
}

export interface Worker {
  readonly link: NatsLink;
  readonly server: AgentServer;
}

export interface GatewayOptions {
  readonly maxOutstandingPerUser?: number;
  readonly maxOutstanding?: number;
  /** Another way to NATS than the direct one. */
  readonly url?: string;
  readonly beatMs?: number;
  readonly readersBeatMs?: number;
}

export type WorkerOptions = Partial<
  Pick<AgentServerOptions, 'gatewayLostMs' | 'onWorkerLost' | 'loadInput'>
>;

export class Harness {
  readonly nats: NatsServer;
  readonly observer: NatsConnection;
  readonly manager: JetStreamManager;
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(nats: NatsServer, observer: NatsConnection, manager: JetStreamManager) {
    this.nats = nats;
    this.observer = observer;
    this.manager = manager;
  }

  static async start(): Promise<Harness> {
    const nats = await startNats();
    const observer = await connect({
      servers: nats.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    const manager = await jetstreamManager(observer, { checkAPI: false, timeout: 1_000 });
    return new Harness(nats, observer, manager);
  }

  async gateway(options: GatewayOptions = {}): Promise<Gateway> {
    const servers = options.url ?? this.nats.url;
    const link = NatsLink.open({ servers, name: 'gateway', log: silent });
    const client = new RunClient(link, {
      gateway: Math.random().toString(16).slice(2, 12).padEnd(10, '0'),
      pools: ['default'],
      replicas: 1,
      maxOutstanding: options.maxOutstanding ?? 10_000,
      maxOutstandingBytes: 64 * 1024 * 1024,
      maxOutstandingPerUser: options.maxOutstandingPerUser ?? 256,
      eventsMaxBytes: 64 * 1024 * 1024,
      eventsMaxAgeMs: 3_600_000,
      beatMs: options.beatMs,
      readersBeatMs: options.readersBeatMs,
      log: silent,
    });
    client.start();
    this.#closers.push(async () => {
      await client.close();
      await link.close();
    });
    while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 5));
    return { link, client, kill: () => link.close() };
  }

  async worker(
    handler: Handler,
    size = 5,
    name = 'worker',
    { servers = this.nats.url, ...options }: WorkerOptions & { servers?: string } = {},
  ): Promise<Worker> {
    const link = NatsLink.open({ servers, name, log: silent });
    const server = new AgentServer({
      link,
      pool: 'default',
      size,
      worker: name,
      ...options,
      log: silent,
    });
    server.addHandler('agent.run', handler as never);
    server.listen((error) => {
      if (error !== undefined) throw new Error('the server does not listen', { cause: error });
    });
    this.#closers.push(async () => {
      await server.close();
      await link.close();
    });
    await server.listening;
    return { link, server };
  }

  /** Messages in a stream now; NaN while NATS does not answer. */
  async count(stream: string): Promise<number> {
    try {
      return (await this.manager.streams.info(stream)).state.messages;
    } catch {
      // Away or restarting: whoever waits for a number asks again.
      return Number.NaN;
    }
  }

  async stop(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    await this.observer.close();
    await this.nats.stop();
  }
}

export const profile = (overrides: Partial<AgentProfile> = {}): AgentProfile => ({
  ...AgentProfile.parse({ name: 'agent', model: 'model' }),
  ...overrides,
});

let requests = 0;

export function submit(
  { client }: Gateway,
  user: string,
  options: Partial<Submission> & { signal?: AbortSignal } = {},
) {
  requests += 1;
  const { signal = new AbortController().signal, ...submission } = options;
  return client.submit(
    {
      requestId: `request-${requests}`,
      user,
      profile: profile(),
      stream: true,
      chat: { messages: [{ role: 'user', content: 'hi' }] },
      ...submission,
    },
    signal,
  );
}

export async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export const types = (events: readonly RunEvent[]): string[] => events.map(({ type }) => type);
