/** The processes of a drill. Places are fixed; the process in a place may be replaced. */
import { createWriteStream, type WriteStream } from 'node:fs';

import {
  findStablePort,
  NatsAccess,
  startGateway,
  startNatsCluster,
  startSimulator,
  startWorker,
  untilReady,
  type ManagedProcess,
  type NatsCluster,
  type NatsClusterOptions,
  type NatsServer,
  type Simulator,
} from '@switchboard/stack';

import { Balancer } from './balancer.ts';

export interface FleetOptions {
  readonly gateways: number;
  readonly workers: number;
  readonly poolSize: number;
  /** Of gateways and workers; the next two come on top of it. */
  readonly env?: NodeJS.ProcessEnv;
  readonly gatewayEnv?: NodeJS.ProcessEnv;
  readonly workerEnv?: NodeJS.ProcessEnv;
  /** Options of Node itself for the gateways. */
  readonly gatewayArguments?: readonly string[];
  readonly nats?: NatsClusterOptions;
  readonly log: string | undefined;
}

export interface Place {
  readonly name: string;
  readonly process: ManagedProcess;
}

const STOP_BUDGET_MS = 20_000;
/** Longer than the longest stream. */
const DRAIN_BUDGET_MS = 90_000;

export class Fleet {
  /** The nats-server, or the first of them. */
  readonly nats: NatsServer;
  readonly natsCluster: NatsCluster;
  readonly simulator: Simulator;
  readonly balancer: Balancer;
  readonly gateways: Place[] = [];
  readonly workers: Place[] = [];
  readonly #ports: readonly number[];
  readonly #options: FleetOptions;
  readonly #log: WriteStream | undefined;
  #started = 0;

  private constructor(
    parts: { nats: NatsCluster; simulator: Simulator; balancer: Balancer },
    ports: readonly number[],
    options: FleetOptions,
  ) {
    ({ nats: this.natsCluster, simulator: this.simulator, balancer: this.balancer } = parts);
    this.nats = parts.nats.first;
    this.#ports = ports;
    this.#options = options;
    this.#log = options.log === undefined ? undefined : createWriteStream(options.log);
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const ports: number[] = [];
    for (const _ of Array(options.gateways).keys()) ports.push(await findStablePort());
    const { env, gatewayEnv, workerEnv } = options;
    const access = NatsAccess.for({ ...env, ...gatewayEnv }, { ...env, ...workerEnv });
    const [nats, simulator] = await Promise.all([
      startNatsCluster({ access, ...options.nats }),
      startSimulator(),
    ]);
    const balancer = await Balancer.to(ports);
    const fleet = new Fleet({ nats, simulator, balancer }, ports, options);
    await Promise.all([
      ...Array.from({ length: options.gateways }, (_, place) => fleet.startGateway(place)),
      ...Array.from({ length: options.workers }, (_, place) => fleet.startWorker(place)),
    ]);
    return fleet;
  }

  /** Of each gateway's place. */
  get urls(): readonly string[] {
    return this.#ports.map((port) => `http://127.0.0.1:${port}`);
  }

  /** Puts a new gateway into a place: its port is that of the one before. */
  async startGateway(place: number): Promise<void> {
    const name = this.#name('gateway');
    const { process, url } = await startGateway({
      name,
      natsUrl: this.natsCluster.url,
      port: this.#ports[place] ?? 0,
      nodeArguments: this.#options.gatewayArguments ?? [],
      env: {
        ...this.nats.access?.environment('gateway'),
        ...this.natsCluster.gatewayEnv,
        ...this.#options.env,
        ...this.#options.gatewayEnv,
      },
      onLine: (line) => this.#log?.write(`${name} ${line}\n`),
    });
    this.gateways[place] = { name, process };
    await untilReady(url);
  }

  async startWorker(place: number): Promise<void> {
    const name = this.#name('worker');
    const { process, healthPort } = await startWorker({
      name,
      natsUrl: this.natsCluster.url,
      poolSize: this.#options.poolSize,
      openaiBaseUrl: this.simulator.baseUrl,
      env: {
        ...this.nats.access?.environment('worker'),
        ...this.#options.env,
        ...this.#options.workerEnv,
        WORKER_NAME: name.replace(' ', '-'),
      },
      onLine: (line) => this.#log?.write(`${name} ${line}\n`),
    });
    this.workers[place] = { name, process };
    await untilReady(`http://127.0.0.1:${healthPort}`);
  }

  /** SIGTERM; resolves with how it ended once it has drained, as text. */
  async terminate({ process }: Place): Promise<string> {
    const { code, signal } = await process.stop(DRAIN_BUDGET_MS);
    return signal ?? `exit code ${String(code)}`;
  }

  async stop(): Promise<void> {
    const services = [...this.gateways, ...this.workers];
    await Promise.all(services.map(({ process }) => process.stop(STOP_BUDGET_MS)));
    await this.simulator.process.stop();
    await this.natsCluster.stop();
    this.balancer.close();
    this.#log?.end();
  }

  #name(kind: string): string {
    this.#started += 1;
    return `${kind} ${this.#started}`;
  }
}
