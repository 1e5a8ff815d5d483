/** A real nats-server, and the state of gateways on it. */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type NatsOptions, type NatsServer, startNats } from '@switchboard/stack';
import { EVENTS_STREAM } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import type { TransportLog } from '../src/link/log.ts';
import { NatsLink } from '../src/link/nats-link.ts';
import { ensureStreams } from '../src/link/topology.ts';
import { EndRecorder, type EndRecorderOptions } from '../src/state/end-recorder.ts';
import { RECORDER } from '../src/state/recorder-consumer.ts';
import { StateStore, type StateStoreOptions } from '../src/state/state-store.ts';

export const silent: TransportLog = { debug() {}, info() {}, warn() {}, error() {} };
export const MIB = 1024 * 1024;

const BOUNDS: StateStoreOptions = {
  replicas: 1,
  responsesTtlMs: 3_600_000,
  responsesMaxBytes: 64 * MIB,
  idempotencyTtlMs: 3_600_000,
  idempotencyMaxBytes: 8 * MIB,
  inputsTtlMs: 3_600_000,
  inputsMaxBytes: 64 * MIB,
  log: silent,
};

export class StateHarness {
  readonly nats: NatsServer;
  readonly observer: NatsConnection;
  readonly manager: JetStreamManager;
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(nats: NatsServer, observer: NatsConnection, manager: JetStreamManager) {
    this.nats = nats;
    this.observer = observer;
    this.manager = manager;
  }

  static async start(options: NatsOptions = {}): Promise<StateHarness> {
    const nats = await startNats(options);
    const reconnect = { maxReconnectAttempts: -1, reconnectTimeWait: 100 };
    const observer = await connect({ servers: nats.url, ...reconnect });
    const manager = await jetstreamManager(observer, { checkAPI: false, timeout: 2_000 });
    return new StateHarness(nats, observer, manager);
  }

  async link(servers = this.nats.url): Promise<NatsLink> {
    const link = NatsLink.open({ servers, name: 'state', log: silent });
    this.#closers.push(() => link.close());
    await until(() => link.connected, { what: 'a connection' });
    return link;
  }

  async store(link: NatsLink, bounds: Partial<StateStoreOptions> = {}): Promise<StateStore> {
    const store = new StateStore(link, { ...BOUNDS, ...bounds });
    store.start();
    this.#closers.push(async () => store.close());
    return store;
  }

  /** A store whose buckets are made. */
  async readyStore(bounds: Partial<StateStoreOptions> = {}): Promise<StateStore> {
    const store = await this.store(await this.link(), bounds);
    await until(() => store.ready, { what: 'the buckets' });
    return store;
  }

  async ensureEvents(): Promise<void> {
    await ensureStreams(this.observer, [], {
      replicas: 1,
      maxOutstanding: 1_000,
      maxOutstandingBytes: MIB,
      eventsMaxBytes: 512 * MIB,
      eventsMaxAgeMs: 3_600_000,
    });
  }

  async recorder(onEnd: EndRecorderOptions['onEnd'], servers?: string): Promise<EndRecorder> {
    const recorder = new EndRecorder(await this.link(servers), { onEnd, log: silent });
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

  async stop(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    await this.observer.close();
    await this.nats.stop();
  }
}
