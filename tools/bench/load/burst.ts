import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { chat } from './chat.ts';

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

/** Sends bursts and waits for all answers. Throws when one fails. */
export async function runBurst(job: BurstJob): Promise<BurstResult> {
  const agent = new Agent({ keepAlive: true });
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
