import { keepRunning } from './keep-running.ts';
import type { LineListener } from './line-log.ts';
import type { ManagedProcess } from './managed-process.ts';
import { NatsAccess } from './nats-access.ts';
import { startNatsCluster } from './nats-cluster.ts';
import type { NatsCluster, NatsClusterOptions } from './nats-cluster.ts';
import type { NatsServer } from './nats.ts';
import { startGateway, startSimulator, startWorker } from './service.ts';
import type { Gateway, ServiceProcess, Simulator, Worker } from './service.ts';

export interface StackOptions {
  /** Worker processes; default 1. */
  readonly workers?: number;
  /** Slots of each worker; default 10. */
  readonly poolSize?: number;
  /** Gateway processes; default 1. */
  readonly gateways?: number;
  /** The first gateway's port; default any free one. The others always take any. */
  readonly port?: number;
  /** Use a real model endpoint, set in `workerEnv`, instead of starting the simulator. */
  readonly withoutSimulator?: boolean;
  /** With several servers the gateways are told to keep as many replicas. */
  readonly nats?: NatsClusterOptions;
  readonly gatewayEnv?: NodeJS.ProcessEnv;
  readonly workerEnv?: NodeJS.ProcessEnv;
  /** Options of Node itself for the workers. */
  readonly workerArguments?: readonly string[];
  readonly simulatorEnv?: NodeJS.ProcessEnv;
  /**
   * Workers that end unasked are started again, as a cluster would, and are no unexpected exit.
   */
  readonly restartWorkers?: boolean;
  /** Told which worker ended, how, and after how long it is started again. */
  readonly onWorkerEnded?: (name: string, how: string, waitMs: number) => void;
  /** How long a gateway or worker may drain before it is killed; default 45,000 ms. */
  readonly stopBudgetMs?: number;
  /** Told about each line any of the processes prints. */
  readonly onLine?: (processName: string, line: string) => void;
  /** Told, in a few words, what is being started. */
  readonly onProgress?: (step: string) => void;
}

/** Above the gateway's own default drain time; when it has drained, workers have nothing to do. */
const STOP_BUDGET_MS = 45_000;
const SIMULATOR_STOP_BUDGET_MS = 5_000;

/**
 * All processes of Switchboard on this machine. A `stop` drains in the order in which requests
 * travel, so that nothing waits for something that is already gone.
 */
export class Stack {
  /** The nats-server, or the first of them. */
  readonly nats: NatsServer;
  readonly natsCluster: NatsCluster;
  readonly simulator: Simulator | undefined;
  readonly workers: Worker[] = [];
  readonly gateways: Gateway[] = [];
  /** The first process that ended although nobody asked it to. Pending while there is none. */
  readonly unexpectedExit: Promise<ManagedProcess>;
  readonly #options: StackOptions;
  readonly #reportExit: (ended: ManagedProcess) => void;
  readonly #restarts = new AbortController();
  readonly #keeping: Promise<void>[] = [];
  #stopping: Promise<void> | undefined;
  #workersStarted = 0;
  #gatewaysStarted = 0;

  private constructor(nats: NatsCluster, simulator: Simulator | undefined, options: StackOptions) {
    this.nats = nats.first;
    this.natsCluster = nats;
    this.simulator = simulator;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ManagedProcess>();
    this.unexpectedExit = promise;
    this.#reportExit = resolve;
    for (const server of nats.servers) server.eachProcess((started) => this.#watch(started));
    if (simulator !== undefined) this.#watch(simulator.process);
  }

  /** Starts everything and waits until all are ready; stops what runs when one fails. */
  static async start(options: StackOptions = {}): Promise<Stack> {
    const { onProgress } = options;
    onProgress?.(options.withoutSimulator ? 'nats-server' : 'nats-server and the model simulator');
    const access = NatsAccess.for(options.gatewayEnv ?? {}, options.workerEnv ?? {});
    const [nats, simulator] = await Promise.allSettled([
      startNatsCluster({ access, ...options.nats, onLine: lineListener(options, 'nats-server') }),
      options.withoutSimulator === true
        ? undefined
        : startSimulator({
            env: { ...options.simulatorEnv },
            onLine: lineListener(options, 'llm-simulator'),
          }),
    ]);
    if (nats.status === 'rejected' || simulator.status === 'rejected') {
      if (nats.status === 'fulfilled') await nats.value.stop();
      if (simulator.status === 'fulfilled') await simulator.value?.process.stop();
      throw nats.status === 'rejected' ? nats.reason : rejection(simulator);
    }
    const stack = new Stack(nats.value, simulator.value, options);
    const { workers = 1, gateways = 1, poolSize = 10 } = options;
    onProgress?.(`${count(workers, 'worker')} of ${count(poolSize, 'slot')} and the gateway`);
    const started = await Promise.allSettled([
      ...Array.from({ length: workers }, async () => await stack.addWorker()),
      ...Array.from({ length: gateways }, async () => await stack.addGateway()),
    ]);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await stack.stop();
      throw failed.reason;
    }
    return stack;
  }

  /** Where clients go: the first gateway. */
  get url(): string {
    const gateway = this.gateways[0];
    if (gateway === undefined) throw new Error('This stack has no gateway.');
    return gateway.url;
  }

  /** Everything that runs or ran, in the order in which it is stopped. */
  get processes(): readonly ManagedProcess[] {
    return [
      ...[...this.gateways, ...this.workers].map((service) => service.process),
      ...(this.simulator === undefined ? [] : [this.simulator.process]),
      ...this.natsCluster.servers.map((server) => server.process),
    ];
  }

  /** Starts one more worker with the stack's settings; `env` overrides them. */
  async addWorker(env: NodeJS.ProcessEnv = {}): Promise<Worker> {
    this.#workersStarted += 1;
    const name = `worker ${this.#workersStarted}`;
    const worker = await this.#startWorker(name, env);
    const place = this.workers.push(worker) - 1;
    if (this.#options.restartWorkers !== true) {
      this.#watch(worker.process);
      return worker;
    }
    const kept = keepRunning(
      {
        first: worker,
        start: async () => await this.#startWorker(name, env),
        onStarted: (started) => (this.workers[place] = started),
        onEnded: (...ended) => this.#options.onWorkerEnded?.(...ended),
      },
      this.#restarts.signal,
    );
    this.#keeping.push(kept);
    return worker;
  }

  async #startWorker(name: string, env: NodeJS.ProcessEnv): Promise<Worker> {
    return await startWorker({
      name,
      natsUrl: this.natsCluster.url,
      poolSize: this.#options.poolSize ?? 10,
      openaiBaseUrl: this.simulator?.baseUrl,
      env: { ...this.nats.access?.environment('worker'), ...this.#options.workerEnv, ...env },
      nodeArguments: this.#options.workerArguments ?? [],
      onLine: lineListener(this.#options, name),
    });
  }

  /** Starts one more gateway with the stack's settings; `env` overrides them. */
  async addGateway(env: NodeJS.ProcessEnv = {}): Promise<Gateway> {
    this.#gatewaysStarted += 1;
    const name = `gateway ${this.#gatewaysStarted}`;
    const gateway = await startGateway({
      name,
      natsUrl: this.natsCluster.url,
      port: this.#gatewaysStarted === 1 ? (this.#options.port ?? 0) : 0,
      env: {
        ...this.nats.access?.environment('gateway'),
        ...this.natsCluster.gatewayEnv,
        ...this.#options.gatewayEnv,
        ...env,
      },
      onLine: lineListener(this.#options, name),
    });
    this.gateways.push(gateway);
    this.#watch(gateway.process);
    return gateway;
  }

  /** Drains and stops everything: gateways, workers, simulator, nats-server. Safe to repeat. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder();
    await this.#stopping;
  }

  /** Kills everything at once, without draining; `stop` then only removes the files. */
  kill(): void {
    this.#restarts.abort();
    for (const each of this.processes) each.killGroup();
  }

  async #stopInOrder(): Promise<void> {
    const { stopBudgetMs = STOP_BUDGET_MS } = this.#options;
    this.#restarts.abort();
    await stopAll(this.gateways, stopBudgetMs);
    await stopAll(this.workers, stopBudgetMs);
    await Promise.all(this.#keeping);
    await this.simulator?.process.stop(SIMULATOR_STOP_BUDGET_MS);
    await this.natsCluster.stop();
  }

  #watch(started: ManagedProcess): void {
    const report = async (): Promise<void> => {
      await started.exited;
      if (!started.endAskedFor) this.#reportExit(started);
    };
    void report();
  }
}

/** Starts all of Switchboard; see StackOptions. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  return await Stack.start(options);
}

async function stopAll(services: readonly ServiceProcess[], budgetMs: number): Promise<void> {
  await Promise.all(services.map(async (service) => await service.process.stop(budgetMs)));
}

function lineListener(options: StackOptions, name: string): LineListener | undefined {
  const { onLine } = options;
  return onLine === undefined ? undefined : (line) => onLine(name, line);
}

function rejection(result: PromiseSettledResult<unknown>): unknown {
  return result.status === 'rejected' ? result.reason : undefined;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
