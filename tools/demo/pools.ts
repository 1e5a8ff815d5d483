import { setTimeout as delay } from 'node:timers/promises';

import { startStack, writeAgentsFile } from '@switchboard/stack';
import type { Agent, Stack } from '@switchboard/stack';

import type { Half, Plan } from './plan.ts';
import { SimulatorClient } from './simulator.ts';

const READY_TIMEOUT_MS = 20_000;
const READY_LOOK_MS = 50;
const WORKER_STOP_MS = 10_000;

/** Everything but the workers, which `usePool` puts in place for each half. */
export class Pools {
  readonly stack: Stack;
  readonly simulator: SimulatorClient;

  private constructor(stack: Stack, simulator: SimulatorClient) {
    this.stack = stack;
    this.simulator = simulator;
  }

  /** Starts nats-server, the simulator and a gateway. */
  static async start(plan: Plan): Promise<Pools> {
    const longest = Math.max(plan.before?.idealSeconds ?? 0, plan.after.idealSeconds);
    const env = { AGENTS_FILE: writeAgentsFile([scripted(longest)]) };
    // A half's workers go when its chats are over: nothing is left that a drain could cut off.
    const workerEnv = { ...env, ALLOW_SHORT_DRAIN: 'true' };
    const stack = await startStack({ workers: 0, gatewayEnv: env, workerEnv });
    if (stack.simulator === undefined) throw new Error('The stack has no simulator.');
    await gatewayReady(stack.url);
    return new Pools(stack, new SimulatorClient(stack.simulator.url));
  }

  /** Stops the workers there are and starts those of a half. */
  async usePool({ poolSize, workers }: Half): Promise<void> {
    const old = this.stack.workers.map((worker) => worker.process);
    await Promise.all(old.map(async (worker) => await worker.stop(WORKER_STOP_MS)));
    const env = { POOL_SIZE: String(poolSize) };
    await Promise.all(Array.from({ length: workers }, () => this.stack.addWorker(env)));
  }
}

/** The simulator's agent, whose limits leave room for the longest wait and run. */
function scripted(longestSeconds: number): Agent {
  const limit = Math.ceil(longestSeconds * 2 + 60);
  const limits = { queue_timeout: limit, first_token_timeout: limit, timeout: limit };
  return { name: 'sim/*', model: '*', ...limits, max_retries: 0 };
}

/** The gateway listens before NATS has answered it. */
async function gatewayReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${url}/readyz`)).ok) {
    if (performance.now() > deadlineMs) throw new Error('The gateway did not get ready in time.');
    await delay(READY_LOOK_MS);
  }
}
