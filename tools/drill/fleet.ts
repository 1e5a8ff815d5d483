/** The processes of a drill. Places are fixed; the process in a place may be replaced. */
import { createWriteStream, type WriteStream } from 'node:fs';

import {
  findStablePort,
  startGateway,
  startNats,
  startSimulator,
  startWorker,
  type ManagedProcess,
  type NatsServer,
  type Simulator,
} from '@switchboard/stack';

import { Balancer } from './balancer.ts';

export interface FleetOptions {
  readonly gateways: number;
  readonly workers: number;
  readonly poolSize: number;
  readonly env: NodeJS.ProcessEnv;
  readonly gatewayEnv: NodeJS.ProcessEnv;
  readonly log: string | undefined;
}

export interface Place {
  readonly name: string;
  readonly process: ManagedProcess;
}

const READY_TIMEOUT_MS = 30_000;
const LOOK_MS = 50;
const STOP_BUDGET_MS = 20_000;
/** Longer than the longest stream. */
const DRAIN_BUDGET_MS = 90_000;

export class Fleet {
  readonly nats: NatsServer;
  readonly simulator: Simulator;
  readonly balancer: Balancer;
  readonly gateways: Place[] = [];
  readonly workers: Place[] = [];
  readonly #ports: readonly number[];
  readonly #options: FleetOptions;
  readonly #log: WriteStream | undefined;
  #started = 0;

  private constructor(
    parts: { nats: NatsServer; simulator: Simulator; balancer: Balancer },
    ports: readonly number[],
    options: FleetOptions,
  ) {
    ({ nats: this.nats, simulator: this.simulator, balancer: this.balancer } = parts);
    this.#ports = ports;
    this.#options = options;
    this.#log = options.log === undefined ? undefined : createWriteStream(options.log);
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const ports: number[] = [];
    for (const _ of Array(options.gateways).keys()) ports.push(await findStablePort());
    const [nats, simulator] = await Promise.all([startNats(), startSimulator()]);
    const balancer = await Balancer.to(ports);
    const fleet = new Fleet({ nats, simulator, balancer }, ports, options);
    await Promise.all([
      ...Array.from({ length: options.gateways }, (_, place) => fleet.startGateway(place)),
      ...Array.from({ length: options.workers }, (_, place) => fleet.startWorker(place)),
    ]);
    return fleet;
  }

  /** Puts a new gateway into a place: its port is that of the one before. */
  async startGateway(place: number): Promise<void> {
    const name = this.#name('gateway');
    const { process, url } = await startGateway({
      name,
      natsUrl: this.nats.url,
      port: this.#ports[place] ?? 0,
      env: { ...this.#options.env, ...this.#options.gatewayEnv },
      onLine: (line) => this.#log?.write(`${name} ${line}\n`),
    });
    this.gateways[place] = { name, process };
    await isReady(url);
  }

  async startWorker(place: number): Promise<void> {
    const name = this.#name('worker');
    const { process, healthPort } = await startWorker({
      name,
      natsUrl: this.nats.url,
      poolSize: this.#options.poolSize,
      openaiBaseUrl: this.simulator.baseUrl,
      env: { ...this.#options.env, WORKER_NAME: name.replace(' ', '-') },
      onLine: (line) => this.#log?.write(`${name} ${line}\n`),
    });
    this.workers[place] = { name, process };
    await isReady(`http://127.0.0.1:${healthPort}`);
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
    await this.nats.stop();
    this.balancer.close();
    this.#log?.end();
  }

  #name(kind: string): string {
    this.#started += 1;
    return `${kind} ${this.#started}`;
  }
}

/** Waits until `/readyz` says so: a service listens before NATS has answered it. */
async function isReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    const response = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok === true) return;
    if (performance.now() > deadlineMs) throw new Error(`${url} did not get ready in time`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
