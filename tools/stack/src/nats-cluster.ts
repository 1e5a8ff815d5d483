import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { askJetStream } from './ask-jetstream.ts';
import type { AskOptions, JetStreamAnswer } from './ask-jetstream.ts';
import { findStablePort } from './free-port.ts';
import { startNats } from './nats.ts';
import type { NatsOptions, NatsServer } from './nats.ts';

export interface NatsClusterOptions extends Omit<NatsOptions, 'name' | 'member'> {
  /** Default 1, which is no cluster; else 3 or 5, so that one or two can be away. */
  readonly servers?: number;
}

/** The first election, and until every server knows the others. */
const FORM_TIMEOUT_MS = 30_000;
const RETRY_MS = 100;
/** A stream that is made and removed to see whether streams can be made. */
const PROBE = 'PROBE';
/** Error of NATS: there is no such stream. */
const NO_STREAM = 10059;

/** One nats-server, or several that keep each other's streams. */
export class NatsCluster {
  /** `port` and `storeDir` of the options are the first one's; the others have their own. */
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Starts the servers and waits until streams with a replica on each can be made. */
  static async start(options: NatsClusterOptions = {}): Promise<NatsCluster> {
    const { servers: count = 1, ...rest } = options;
    if (count === 1) return new NatsCluster([await startNats(rest)]);
    const started = await Promise.allSettled(await startMembers(count, rest));
    const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const cluster = new NatsCluster(servers);
    try {
      const failed = started.find((each) => each.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      await cluster.#formed();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The addresses of all servers, separated by commas. */
  get url(): string {
    return this.servers.map(({ url }) => url).join(',');
  }

  /** What a gateway must know besides: every server keeps everything. */
  get gatewayEnv(): NodeJS.ProcessEnv {
    const { length } = this.servers;
    return length === 1 ? {} : { NATS_REPLICAS: String(length) };
  }

  /** The first server. */
  get first(): NatsServer {
    const [first] = this.servers;
    if (first === undefined) throw new Error('There is no nats-server.');
    return first;
  }

  /** Asks the JetStream API through a server that runs; see askJetStream. */
  async ask(call: string, question: object = {}, options?: AskOptions): Promise<JetStreamAnswer> {
    const server = this.servers.find(({ process }) => process.running);
    if (server === undefined) throw new Error('No nats-server runs.');
    const credentials = server.access?.operator;
    return await askJetStream(server.port, call, question, { credentials, ...options });
  }

  /**
   * The server that leads a stream, or one of its consumers; undefined during an election, when
   * there is no such stream, and when there is one server alone.
   */
  async leaderOf(
    stream: string,
    consumer?: string,
    options?: AskOptions,
  ): Promise<NatsServer | undefined> {
    const name = consumer === undefined ? stream : `${stream}.${consumer}`;
    const call = `${consumer === undefined ? 'STREAM' : 'CONSUMER'}.INFO.${name}`;
    // Nobody answers for what has no leader.
    const { cluster } = await this.ask(call, {}, options).catch((): JetStreamAnswer => ({}));
    return this.servers.find((server) => {
      return server.serverName !== '' && server.serverName === cluster?.leader;
    });
  }

  /** Whether every stream has a leader, and every replica of it all that was stored. */
  async current(): Promise<boolean> {
    try {
      const { streams } = await this.ask('STREAM.NAMES');
      for (const stream of streams ?? []) {
        const { cluster } = await this.ask(`STREAM.INFO.${stream}`);
        if (cluster?.replicas?.every(({ current }) => current) === false) return false;
      }
      return true;
    } catch {
      // An election.
      return false;
    }
  }

  /** Stops all servers and removes their temporary files. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map(async (server) => await server.stop()));
  }

  /** Throws when it takes too long; the message says what NATS answered last. */
  async #formed(): Promise<void> {
    const deadlineMs = performance.now() + FORM_TIMEOUT_MS;
    const config = { name: PROBE, subjects: [PROBE], num_replicas: this.servers.length };
    const make = async () => await this.ask(`STREAM.CREATE.${PROBE}`, config);
    const remove = async () => await this.ask(`STREAM.DELETE.${PROBE}`);
    await succeeded('a stream cannot be made', make, deadlineMs);
    await succeeded('a stream cannot be removed', remove, deadlineMs);
  }
}

/** Starts one nats-server or several; see NatsClusterOptions. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  return await NatsCluster.start(options);
}

async function startMembers(
  count: number,
  { port, storeDir, ...options }: NatsOptions,
): Promise<readonly Promise<NatsServer>[]> {
  const routePorts: number[] = [];
  for (const _ of Array(count).keys()) routePorts.push(await findStablePort());
  return routePorts.map(async (routePort, index) => {
    const serverName = `nats-${index + 1}`;
    return await startNats({
      ...options,
      name: `nats-server ${index + 1}`,
      ...(index === 0 && port !== undefined ? { port } : {}),
      ...(storeDir === undefined ? {} : { storeDir: join(storeDir, serverName) }),
      member: { serverName, routePort, routePorts },
    });
  });
}

/** Asks again and again; what an earlier try has already done counts. */
async function succeeded(
  problem: string,
  ask: () => Promise<JetStreamAnswer>,
  deadlineMs: number,
): Promise<void> {
  for (;;) {
    let reason: string;
    try {
      const { error } = await ask();
      if (error === undefined || error.err_code === NO_STREAM) return;
      reason = error.description ?? 'an error';
    } catch (error) {
      reason = String(error);
    }
    if (performance.now() > deadlineMs) throw new Error(`${problem}: ${reason}`);
    await delay(RETRY_MS);
  }
}
