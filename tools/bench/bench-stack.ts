import { setTimeout as delay } from 'node:timers/promises';

import { describeExit, startStack, usageOf, writeAgentsFile } from '@switchboard/stack';
import type { Agent, Stack, UsageByName } from '@switchboard/stack';

import { LoadClient } from './load-client.ts';

export interface StackShape {
  readonly workers: number;
  /** Slots of each worker. */
  readonly poolSize: number;
  readonly gateways?: number;
  /** One more gateway, with settings of its own. */
  readonly otherGateway?: () => NodeJS.ProcessEnv;
  /** Instead of the built-in agents. */
  readonly agents?: BenchAgents;
}

export interface BenchAgents {
  readonly profiles: readonly Agent[];
  /** A folder of modules. */
  readonly modules: string;
  /** What else is in the agents' file. */
  readonly more?: object;
}

export interface BenchStackOptions {
  /** nats-servers, each of which keeps everything. */
  readonly replicas: number;
  /** For Node in gateways and workers. */
  readonly nodeOptions: string | undefined;
}

export interface ModelRun {
  readonly request: string;
  /** Epoch milliseconds, with fractions. */
  readonly startedAtMs: number;
}

/** The model's answers at once: `sim/...` is the script of the simulator. */
export const INSTANT_MODEL = 'sim/think=0,tokens=1,pace=0';

/** About 2,000 requests: before that Node's compilers take as much time as the requests do. */
const WARM_UP_MS = 4_000;
const WARM_UP_CONNECTIONS = 20;
const READY_TIMEOUT_MS = 20_000;
const READY_LOOK_MS = 50;

/** All of Switchboard for one figure, and the process that sends the load. */
export class BenchStack {
  readonly client = new LoadClient();
  readonly #stack: Stack;
  readonly #simulatorUrl: string;

  private constructor(stack: Stack, simulatorUrl: string) {
    this.#stack = stack;
    this.#simulatorUrl = simulatorUrl;
  }

  static async start(shape: StackShape, options: BenchStackOptions): Promise<BenchStack> {
    const { nodeOptions, replicas } = options;
    const env = nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions };
    const nats = { servers: replicas };
    const { otherGateway, agents, ...rest } = shape;
    const gatewayEnv = {
      ...env,
      ...(agents && { AGENTS_FILE: writeAgentsFile(agents.profiles, agents.more) }),
    };
    const workerEnv = { ...gatewayEnv, ...(agents && { AGENTS_DIR: agents.modules }) };
    const stack = await startStack({ ...rest, nats, gatewayEnv, workerEnv });
    if (otherGateway !== undefined) await stack.addGateway(otherGateway());
    if (stack.simulator === undefined) throw new Error('The stack has no simulator.');
    await Promise.all(stack.gateways.map(async ({ url }) => await gatewayReady(url)));
    return new BenchStack(stack, stack.simulator.url);
  }

  /** The API of each gateway. */
  get gatewayBaseUrls(): readonly string[] {
    return this.#stack.gateways.map((gateway) => `${gateway.url}/v1`);
  }

  /** The API of the first gateway. */
  get gatewayBaseUrl(): string {
    return `${this.#stack.url}/v1`;
  }

  /** The API of the simulator, without gateway, queue and worker. */
  get directBaseUrl(): string {
    return `${this.#simulatorUrl}/v1`;
  }

  /** CPU and memory of each process now, the load client left out. */
  async usage(): Promise<UsageByName> {
    return await usageOf(this.#stack.processes);
  }

  /** The same with the load client. */
  async usageOfAll(): Promise<UsageByName> {
    const client = { name: 'load client', pid: this.client.pid };
    return await usageOf([...this.#stack.processes, client]);
  }

  /** Sets the simulator's counts back. */
  async resetModel(): Promise<void> {
    await fetch(`${this.#simulatorUrl}/reset`, { method: 'POST' });
  }

  /** Most requests the model had at once since the last reset. */
  async maxRunning(): Promise<number> {
    const response = await fetch(`${this.#simulatorUrl}/stats`);
    return ((await response.json()) as { maxRunning: number }).maxRunning;
  }

  /** When the model got each request, by request id. */
  async modelStarts(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(`${this.#simulatorUrl}/log`);
    const { runs } = (await response.json()) as { runs: readonly ModelRun[] };
    return new Map(runs.map((run) => [run.request, run.startedAtMs]));
  }

  /** Sends requests until code is compiled and connections are open, and sets the counts back. */
  async warmUp(): Promise<void> {
    const { gatewayBaseUrls: baseUrls } = this;
    const load = { connections: WARM_UP_CONNECTIONS, durationMs: WARM_UP_MS };
    await this.client.run('throughput', { baseUrls, model: INSTANT_MODEL, ...load });
    await this.resetModel();
  }

  /** Rejects when one of the processes ends by itself. */
  async whileRunning<T>(work: Promise<T>): Promise<T> {
    const ended = this.#stack.unexpectedExit.then(async (lost): Promise<never> => {
      throw new Error(`${lost.name} ended (${describeExit(await lost.exited)})`);
    });
    return await Promise.race([work, ended]);
  }

  async stop(): Promise<void> {
    this.client.stop();
    await this.#stack.stop();
  }
}

/** The gateway listens before NATS has answered it. */
async function gatewayReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${url}/readyz`)).ok) {
    if (performance.now() > deadlineMs) throw new Error('the gateway did not get ready in time');
    await delay(READY_LOOK_MS);
  }
}
