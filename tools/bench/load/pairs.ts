import { Agent } from 'node:http';

import { chat } from './chat.ts';
import type { ChatResult } from './chat.ts';

export interface PairsJob {
  readonly directBaseUrl: string;
  readonly gatewayBaseUrl: string;
  readonly model: string;
  readonly stream: boolean;
  /** Sent with both of a pair. */
  readonly apiKey?: string;
  /** Pairs before those that count. */
  readonly warmUp: number;
  readonly pairs: number;
}

/** Milliseconds of each pair, in order: to the first text of a stream, else to the whole answer. */
export interface PairsResult {
  readonly directMs: readonly number[];
  readonly gatewayMs: readonly number[];
}

const USERS = 50;

/**
 * One request at a time, to the simulator and through the gateway in turn, so that both see the
 * same machine. Throws when one fails.
 */
export async function runPairs(job: PairsJob): Promise<PairsResult> {
  const agent = new Agent({ keepAlive: true });
  const directMs: number[] = [];
  const gatewayMs: number[] = [];
  const one = async (baseUrl: string, pair: number): Promise<number> => {
    const user = `user-${pair % USERS}`;
    const result = await chat(agent, { ...job, baseUrl, user });
    if (result.failure !== undefined) throw new Error(`a request failed: ${result.failure}`);
    return timed(result, job.stream);
  };
  for (let pair = -job.warmUp; pair < job.pairs; pair += 1) {
    // Each goes first every other time.
    const even = pair % 2 === 0;
    const first = await one(even ? job.directBaseUrl : job.gatewayBaseUrl, Math.abs(pair));
    const second = await one(even ? job.gatewayBaseUrl : job.directBaseUrl, Math.abs(pair));
    if (pair < 0) continue;
    directMs.push(even ? first : second);
    gatewayMs.push(even ? second : first);
  }
  agent.destroy();
  return { directMs, gatewayMs };
}

function timed(result: ChatResult, stream: boolean): number {
  return stream ? result.firstTokenMs : result.totalMs;
}
