import { findStablePort, startStack, StreamMonitor, writeAgentsFile } from '@switchboard/stack';
import type { Agent, Stack, StackOptions } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

import { SimulatorClient } from './simulator-client.ts';

export interface TestStackOptions extends StackOptions {
  /** Instead of the built-in agents. */
  readonly agents?: readonly Agent[];
}

/** One line that a process printed. */
export interface PrintedLine {
  readonly process: string;
  readonly text: string;
}

/** Long, because other tests may have the machine at the same time. */
export const PATIENCE_MS = 30_000;

/** All of Switchboard in processes of its own, and everything a test can look at. */
export class TestStack {
  readonly stack: Stack;
  readonly simulator: SimulatorClient;
  readonly streams: StreamMonitor;
  /** Every line of every process since its start. */
  readonly printed: readonly PrintedLine[];

  private constructor(stack: Stack, streams: StreamMonitor, printed: readonly PrintedLine[]) {
    if (stack.simulator === undefined) throw new Error('the stack has no simulator');
    this.stack = stack;
    this.simulator = new SimulatorClient(stack.simulator.url);
    this.streams = streams;
    this.printed = printed;
  }

  /** Starts it and waits until every gateway takes requests. */
  static async start(options: TestStackOptions = {}): Promise<TestStack> {
    const { agents, ...rest } = options;
    const printed: PrintedLine[] = [];
    const streams = new StreamMonitor(await findStablePort());
    const file = agents === undefined ? {} : { AGENTS_FILE: writeAgentsFile(agents) };
    const stack = await startStack({
      ...rest,
      nats: { ...rest.nats, extraConfig: streams.configuration },
      gatewayEnv: { ...file, ...rest.gatewayEnv },
      workerEnv: { ...file, ...rest.workerEnv },
      onLine: (process, text) => printed.push({ process, text }),
    });
    const started = new TestStack(stack, streams, printed);
    await Promise.all(stack.gateways.map(async ({ url }) => await gatewayReady(url)));
    return started;
  }

  /** The root of the first gateway. */
  get url(): string {
    return this.stack.url;
  }

  /** Waits until `count` calls run in the model. */
  async modelRuns(count: number): Promise<void> {
    const enough = async () => (await this.simulator.counts()).running >= count;
    await until(enough, { what: `${count} calls of the model`, timeoutMs: PATIENCE_MS });
  }

  /** Waits until the model has been called for a request. */
  async modelHas(requestId: string): Promise<void> {
    const begun = async () => (await this.simulator.runsOf(requestId)).length > 0;
    await until(begun, { what: `the model's call for ${requestId}`, timeoutMs: PATIENCE_MS });
  }

  /** Waits until nothing runs in the model and nothing is queued. */
  async idle(): Promise<void> {
    const nothing = async () => (await this.simulator.counts()).running === 0;
    await until(nothing, { what: 'an idle model', timeoutMs: PATIENCE_MS });
    await this.queueEmpty();
  }

  /** Waits until a pool has no request, queued or running; a run's message goes after its end. */
  async queueEmpty(pool?: string): Promise<void> {
    const empty = async () => (await this.streams.requests(pool)) === 0;
    await until(empty, { what: 'an empty queue', timeoutMs: PATIENCE_MS });
  }

  async stop(): Promise<void> {
    await this.stack.stop();
  }
}

/** Waits until a gateway that listens has got its streams. */
export async function gatewayReady(url: string): Promise<void> {
  const ready = async () => (await fetch(`${url}/readyz`)).ok;
  await until(ready, { what: 'the gateway to be ready', timeoutMs: PATIENCE_MS, intervalMs: 20 });
}
