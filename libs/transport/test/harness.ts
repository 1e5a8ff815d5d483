/** A real nats-server with gateways' and workers' ends of the transport in this process. */
import { EVENTS_STREAM, inboxPrefix, type NatsRole } from '@switchboard/contract';
import {
  type NatsCluster,
  type NatsClusterOptions,
  type NatsServer,
  startNatsCluster,
} from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  AgentServer,
  type AgentServerOptions,
  EndRecorder,
  type EndRecorderOptions,
  NatsLink,
  type QueueObserver,
  RunClient,
  StateStore,
  type StateStoreOptions,
  type TransportLog,
} from '../src/index.ts';
import { ensureStreams } from '../src/link/topology.ts';
import { RECORDER } from '../src/state/recorder-consumer.ts';
import type { Handler } from './requests.ts';

export * from './requests.ts';

export const MIB = 1024 * 1024;
export const silent: TransportLog = { debug() {}, info() {}, warn() {}, error() {} };

export interface Address {
  readonly servers: string;
  readonly user?: string;
  readonly pass?: string;
  readonly inboxPrefix: string;
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
  readonly queue?: QueueObserver;
  readonly readersBeatMs?: number;
}

export type WorkerOptions = Partial<
  Pick<
    AgentServerOptions,
    | 'agents'
    | 'gatewayLostMs'
    | 'knows'
    | 'loadInput'
    | 'onWorkerLost'
    | 'onWorn'
    | 'pool'
    | 'runTimeoutMs'
  >
>;

const STATE: StateStoreOptions = {
  replicas: 1,
  responsesTtlMs: 3_600_000,
  responsesMaxBytes: 64 * MIB,
  idempotencyTtlMs: 3_600_000,
  idempotencyMaxBytes: 8 * MIB,
  inputsTtlMs: 3_600_000,
  inputsMaxBytes: 64 * MIB,
  log: silent,
};
const STREAMS = {
  maxOutstanding: 10_000,
  maxOutstandingBytes: 64 * MIB,
  eventsMaxBytes: 64 * MIB,
  eventsMaxAgeMs: 3_600_000,
};

export class Harness {
  /** The nats-server, or the first of them. */
  readonly nats: NatsServer;
  readonly cluster: NatsCluster;
  readonly observer: NatsConnection;
  readonly manager: JetStreamManager;
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(cluster: NatsCluster, observer: NatsConnection, manager: JetStreamManager) {
    this.nats = cluster.first;
    this.cluster = cluster;
    this.observer = observer;
    this.manager = manager;
  }

  /** On several nats-servers every stream has a replica on each. */
  static async start(options: NatsClusterOptions = {}): Promise<Harness> {
    const cluster = await startNatsCluster(options);
    const observer = await connect({
      ...addressOf(cluster, 'operator'),
      servers: cluster.url.split(','),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    const manager = await jetstreamManager(observer, { checkAPI: false, timeout: 2_000 });
    return new Harness(cluster, observer, manager);
  }

  /** How a process of this kind connects; with credentials if the servers want them. */
  address(role: NatsRole, servers = this.cluster.url): Address {
    return addressOf(this.cluster, role, servers);
  }

  async gateway(options: GatewayOptions = {}): Promise<Gateway> {
    const address = this.address('gateway', options.url);
    const link = NatsLink.open({ ...address, name: 'gateway', log: silent });
    const client = new RunClient(link, {
      gateway: Math.random().toString(16).slice(2, 12).padEnd(10, '0'),
      pools: ['default'],
      replicas: this.cluster.servers.length,
      ...STREAMS,
      maxOutstanding: options.maxOutstanding ?? STREAMS.maxOutstanding,
      maxOutstandingPerUser: options.maxOutstandingPerUser ?? 256,
      beatMs: options.beatMs,
      queue: options.queue,
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
    { servers, ...options }: WorkerOptions & { servers?: string } = {},
  ): Promise<Worker> {
    const link = NatsLink.open({ ...this.address('worker', servers), name, log: silent });
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

  /** One more connection, of a gateway. */
  async link(servers?: string): Promise<NatsLink> {
    const link = NatsLink.open({ ...this.address('gateway', servers), name: 'state', log: silent });
    this.#closers.push(() => link.close());
    await until(() => link.connected, { what: 'a connection' });
    return link;
  }

  store(link: NatsLink, bounds: Partial<StateStoreOptions> = {}): StateStore {
    const store = new StateStore(link, { ...STATE, ...bounds });
    store.start();
    this.#closers.push(async () => store.close());
    return store;
  }

  /** A store whose buckets are made. */
  async readyStore(bounds: Partial<StateStoreOptions> = {}): Promise<StateStore> {
    const store = this.store(await this.link(), bounds);
    await until(() => store.ready, { what: 'the buckets' });
    return store;
  }

  /** The event log without a gateway that makes it. */
  async ensureEvents(): Promise<void> {
    await ensureStreams(this.observer, [], { replicas: 1, ...STREAMS, eventsMaxBytes: 512 * MIB });
  }

  async recorder(
    onEnd: EndRecorderOptions['onEnd'],
    servers?: string,
    log: TransportLog = silent,
  ): Promise<EndRecorder> {
    const recorder = new EndRecorder(await this.link(servers), { onEnd, log });
    recorder.start();
    this.#closers.push(() => recorder.close());
    return recorder;
  }

  /** Ends that the recorders have yet to be done with. */
  async unfinished(): Promise<number> {
    const info = await this.manager.consumers.info(EVENTS_STREAM, RECORDER);
    return info.num_ack_pending + info.num_pending;
  }

  /** The subjects of all messages, in any stream, that hold `needle`. */
  async findAnywhere(needle: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { config, state } of this.manager.streams.list()) {
      if (state.messages === 0) continue;
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const stored = await this.manager.streams.getMessage(config.name, { seq });
        if (stored?.string().includes(needle) === true) found.push(stored.subject);
      }
    }
    return found;
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
    await this.cluster.stop();
  }
}

function addressOf(cluster: NatsCluster, role: NatsRole, servers = cluster.url): Address {
  const address = { servers, inboxPrefix: inboxPrefix(role) };
  const { access } = cluster.first;
  if (access === undefined) return address;
  const { user, password: pass } = access[role];
  return { ...address, user, pass };
}
