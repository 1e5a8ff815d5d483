import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { chat } from './chat.ts';

export interface SinglesJob {
  readonly baseUrl: string;
  readonly model: string;
  readonly warmUp: number;
  readonly requests: number;
  /** Pause after each answer, in milliseconds. */
  readonly gapMs: number;
  /** Requests are called `<prefix>-<number>`, from 0; the warm-up has other names. */
  readonly requestIdPrefix: string;
}

export interface SinglesResult {
  /** The gateway's own word for each request: from its acceptance to its start. */
  readonly queueWaitMs: readonly number[];
  /** When each was sent: epoch milliseconds, with fractions. */
  readonly sentAtMs: readonly number[];
}

const USERS = 50;

/** Requests one at a time, so that a slot is always idle. Throws when one fails. */
export async function runSingles(job: SinglesJob): Promise<SinglesResult> {
  const agent = new Agent({ keepAlive: true });
  const queueWaitMs: number[] = [];
  const sentAtMs: number[] = [];
  for (let number = -job.warmUp; number < job.requests; number += 1) {
    const result = await chat(agent, {
      baseUrl: job.baseUrl,
      model: job.model,
      stream: false,
      user: `user-${Math.abs(number) % USERS}`,
      requestId: number < 0 ? `warm-up${number}` : `${job.requestIdPrefix}-${number}`,
    });
    if (result.failure !== undefined) throw new Error(`a request failed: ${result.failure}`);
    if (number >= 0) {
      queueWaitMs.push(result.queueWaitMs);
      sentAtMs.push(performance.timeOrigin + result.sentAtMs);
    }
    if (job.gapMs > 0) await delay(job.gapMs);
  }
  agent.destroy();
  return { queueWaitMs, sentAtMs };
}
