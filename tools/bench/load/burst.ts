import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { chat, get } from './chat.ts';

/** Users who all send all of their requests at one moment. */
export interface BurstGroup {
  readonly name: string;
  readonly users: number;
  readonly requestsEach: number;
  /** When, in milliseconds after the first group. */
  readonly afterMs: number;
}

export interface BurstJob {
  /** Requests go to these in turn. */
  readonly baseUrls: readonly string[];
  readonly model: string;
  readonly groups: readonly BurstGroup[];
}

export interface BurstResult {
  /** Milliseconds of each request, from sending to its answer, by the group's name. */
  readonly latencyMs: Readonly<Record<string, readonly number[]>>;
  /** From the first sending to the last answer, in milliseconds. */
  readonly totalMs: number;
}

/**
 * Sends bursts over connections that are open already, and waits for all answers. Throws when one
 * fails. Opening hundreds of connections takes this one process as long as several hand-offs, which
 * real users, each on a machine of their own, do not wait for.
 */
export async function runBurst(job: BurstJob): Promise<BurstResult> {
  const connections = job.groups.reduce((sum, each) => sum + each.users * each.requestsEach, 0);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: connections });
  await openConnections(agent, job.baseUrls, connections);
  let sent = 0;
  const startedAtMs = performance.now();
  const one = async (user: string): Promise<number> => {
    sent += 1;
    const baseUrl = job.baseUrls[sent % job.baseUrls.length] ?? '';
    const result = await chat(agent, { baseUrl, model: job.model, user, stream: false });
    if (result.failure !== undefined) throw new Error(`a request failed: ${result.failure}`);
    return result.totalMs;
  };
  const runGroup = async (group: BurstGroup): Promise<[string, readonly number[]]> => {
    if (group.afterMs > 0) await delay(group.afterMs);
    const names = Array.from({ length: group.users }, (_, user) => `${group.name}-${user}`);
    const sends = names.flatMap((name) => Array.from({ length: group.requestsEach }, () => name));
    return [group.name, await Promise.all(sends.map(one))];
  };
  const latencyMs = Object.fromEntries(await Promise.all(job.groups.map(runGroup)));
  const totalMs = performance.now() - startedAtMs;
  agent.destroy();
  return { latencyMs, totalMs };
}

/** As many to each as would be needed if all requests waited at once. */
async function openConnections(
  agent: Agent,
  baseUrls: readonly string[],
  count: number,
): Promise<void> {
  const each = Math.ceil(count / baseUrls.length);
  const opened = baseUrls.flatMap((baseUrl) =>
    Array.from({ length: each }, async () => await get(agent, `${baseUrl}/models`)),
  );
  await Promise.all(opened);
}
