/** The processes of the storm. Places are fixed; the process in a place may be replaced. */
import {
  NatsAccess,
  startGateway,
  startNats,
  startSimulator,
  startWorker,
  untilReady,
  writeAgentsFile,
  type ManagedProcess,
  type NatsServer,
  type Simulator,
} from '@switchboard/stack';
import { Cable } from '@switchboard/testkit';

import { AGENTS } from './agents.ts';
import { nowMs } from './clock.ts';
import type { Ledger, WorkerLife } from './ledger.ts';

export const GATEWAYS = 2;
export const WORKERS = 3;
export const SLOTS_PER_WORKER = 5;
export const OUTSTANDING_PER_USER_MAX = 8;

/** Short, so that a worker that is told to go hands back and breaks off what runs. */
const WORKER_DRAIN_MS = [300, 3_000] as const;
const GATEWAY_DRAIN_MS = 2_000;
const STOP_BUDGET_MS = 20_000;

export interface GatewayPlace {
  readonly name: string;
  readonly process: ManagedProcess;
  readonly url: string;
  readonly cable: Cable | undefined;
}

export interface WorkerPlace {
  readonly name: string;
  readonly process: ManagedProcess;
  /** Answers `/readyz`. */
  readonly healthUrl: string;
  readonly life: WorkerLife;
  readonly cable: Cable | undefined;
}

/** Told of what a gateway prints: its access log names the run of each request. */
export type OnLine = (processName: string, line: string) => void;

export class Fleet {
  readonly nats: NatsServer;
  readonly simulator: Simulator;
  readonly gateways: GatewayPlace[] = [];
  readonly workers: WorkerPlace[] = [];
  readonly #ledger: Ledger;
  readonly #onLine: OnLine;
  readonly #agentsFile = writeAgentsFile(AGENTS);
  readonly #gatewayCable: Cable;
  readonly #workerCable: Cable;
  readonly #leaving: Promise<unknown>[] = [];
  #gatewaysStarted = 0;
  #workersStarted = 0;

  private constructor(
    parts: { nats: NatsServer; simulator: Simulator; cables: readonly [Cable, Cable] },
    ledger: Ledger,
    onLine: OnLine,
  ) {
    this.nats = parts.nats;
    this.simulator = parts.simulator;
    [this.#gatewayCable, this.#workerCable] = parts.cables;
    this.#ledger = ledger;
    this.#onLine = onLine;
  }

  static async start(ledger: Ledger, onLine: OnLine): Promise<Fleet> {
    const access = NatsAccess.for({});
    const [nats, simulator] = await Promise.all([startNats({ access }), startSimulator()]);
    const cables = [await Cable.to(nats.port), await Cable.to(nats.port)] as const;
    const fleet = new Fleet({ nats, simulator, cables }, ledger, onLine);
    const places = (count: number) => Array.from({ length: count }, (_, place) => place);
    await Promise.all([
      ...places(GATEWAYS).map((place) => fleet.startGateway(place)),
      ...places(WORKERS).map((place) => fleet.startWorker(place)),
    ]);
    return fleet;
  }

  /** Puts a new gateway into a place; only the first place has a cable. */
  async startGateway(place: number): Promise<void> {
    this.#gatewaysStarted += 1;
    const name = `gateway ${this.#gatewaysStarted}`;
    const cable = place === 0 ? this.#gatewayCable : undefined;
    const { process, url } = await startGateway({
      name,
      natsUrl: cable?.url ?? this.nats.url,
      env: {
        ...this.nats.access?.environment('gateway'),
        AGENTS_FILE: this.#agentsFile,
        MAX_OUTSTANDING_PER_USER: String(OUTSTANDING_PER_USER_MAX),
        DRAIN_TIMEOUT_MS: String(GATEWAY_DRAIN_MS),
      },
      onLine: (line) => this.#onLine(name, line),
    });
    await untilReady(url);
    this.gateways[place] = { name, process, url, cable };
  }

  /** Puts a new worker into a place; only the first place has a cable. */
  async startWorker(place: number): Promise<void> {
    this.#workersStarted += 1;
    const name = `w${this.#workersStarted}`;
    const cable = place === 0 ? this.#workerCable : undefined;
    const life: WorkerLife = {
      name,
      slots: SLOTS_PER_WORKER,
      fromMs: nowMs(),
      untilMs: Infinity,
    };
    const { process, healthPort } = await startWorker({
      name,
      natsUrl: cable?.url ?? this.nats.url,
      poolSize: SLOTS_PER_WORKER,
      openaiBaseUrl: this.simulator.baseUrl,
      env: {
        ...this.nats.access?.environment('worker'),
        AGENTS_FILE: this.#agentsFile,
        WORKER_NAME: name,
        DRAIN_TIMEOUT_MS: String(WORKER_DRAIN_MS[this.#workersStarted % 2]),
        ALLOW_SHORT_DRAIN: 'true',
      },
      onLine: (line) => this.#onLine(name, line),
    });
    void process.exited.then(() => (life.untilMs = nowMs()));
    this.#ledger.workers.push(life);
    const healthUrl = `http://127.0.0.1:${healthPort}`;
    this.workers[place] = { name, process, healthUrl, life, cable };
  }

  /** Asks a process to go, and remembers to wait for it. Resolves with its exit code. */
  async terminate(process: ManagedProcess): Promise<number | null> {
    const exit = process.stop(STOP_BUDGET_MS);
    this.#leaving.push(exit);
    return (await exit).code;
  }

  /** Resolves when every gateway takes requests and every worker pulls. */
  async ready(): Promise<void> {
    const urls = [
      ...this.gateways.map(({ url }) => url),
      ...this.workers.map(({ healthUrl }) => healthUrl),
    ];
    await Promise.all(urls.map(untilReady));
  }

  async stop(): Promise<void> {
    const services = [...this.gateways, ...this.workers].map(({ process }) => process);
    await Promise.all(services.map((process) => process.stop(STOP_BUDGET_MS)));
    await Promise.all(this.#leaving);
    await this.simulator.process.stop();
    await this.nats.stop();
    this.#gatewayCable.close();
    this.#workerCable.close();
  }
}
