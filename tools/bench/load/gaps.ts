import { Agent } from 'node:http';

import { chat } from './chat.ts';

export interface GapsJob {
  readonly baseUrl: string;
  /** Of each stream. */
  readonly model: string;
  readonly streams: number;
  /** Sent first; the streams are read while these are answered. */
  readonly beside: readonly string[];
}

export interface GapsResult {
  /** From each token of a stream to its next, over all streams. */
  readonly gapsMs: readonly number[];
  /** Whether all that was sent first was still unanswered when the last stream had ended. */
  readonly besideThroughout: boolean;
  /** Why the first of them failed, if one did. */
  readonly problem: string | undefined;
}

/** Reads streams token by token, beside requests that keep the worker busy. */
export async function runGaps(job: GapsJob): Promise<GapsResult> {
  const agent = new Agent({ keepAlive: true });
  const { baseUrl } = job;
  const gapsMs: number[] = [];
  let answered = 0;
  const beside = job.beside.map(async (model, index) => {
    const result = await chat(agent, { baseUrl, model, user: `beside-${index}`, stream: false });
    answered += 1;
    return result;
  });
  const streams = Array.from({ length: job.streams }, async (_, index) => {
    let lastAtMs = NaN;
    const onToken = (atMs: number): void => {
      if (!Number.isNaN(lastAtMs)) gapsMs.push(atMs - lastAtMs);
      lastAtMs = atMs;
    };
    const call = { baseUrl, model: job.model, user: `stream-${index}`, stream: true, onToken };
    return await chat(agent, call);
  });
  const read = await Promise.all(streams);
  const besideThroughout = answered === 0;
  const results = [...read, ...(await Promise.all(beside))];
  agent.destroy();
  const problem = results.find(({ failure }) => failure !== undefined)?.failure;
  return { gapsMs, besideThroughout, problem };
}
