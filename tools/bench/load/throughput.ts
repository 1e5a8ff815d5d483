import { Agent } from 'node:http';

import { chat } from './chat.ts';

export interface ThroughputJob {
  /** Connections are spread over these. */
  readonly baseUrls: readonly string[];
  readonly model: string;
  readonly connections: number;
  readonly durationMs: number;
}

export interface ThroughputResult {
  readonly requests: number;
  readonly elapsedMs: number;
  readonly latencyMs: readonly number[];
}

/** Each connection sends its next request when it has the answer. Throws when one fails. */
export async function runThroughput(job: ThroughputJob): Promise<ThroughputResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: job.connections });
  const latencyMs: number[] = [];
  const startedAtMs = performance.now();
  const connection = async (_: unknown, index: number): Promise<void> => {
    const baseUrl = job.baseUrls[index % job.baseUrls.length] ?? '';
    while (performance.now() - startedAtMs < job.durationMs) {
      const call = { baseUrl, model: job.model, user: `user-${index}`, stream: false };
      const { failure, totalMs } = await chat(agent, call);
      if (failure !== undefined) throw new Error(`a request failed: ${failure}`);
      latencyMs.push(totalMs);
    }
  };
  await Promise.all(Array.from({ length: job.connections }, connection));
  const elapsedMs = performance.now() - startedAtMs;
  agent.destroy();
  return { requests: latencyMs.length, elapsedMs, latencyMs };
}
