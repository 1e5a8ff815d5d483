import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { chat } from './chat.ts';

export interface LeavesJob {
  readonly baseUrl: string;
  /** Holds the one slot until its caller leaves. */
  readonly holder: string;
  /** Waits for the slot. */
  readonly next: string;
  readonly requestIdPrefix: string;
  readonly rounds: number;
  /** When the holder's caller leaves, in milliseconds. */
  readonly leaveAfterMs: number;
}

export interface LeavesResult {
  /** Epoch milliseconds of each leaving, by the request id of who waited. */
  readonly leftAtMs: ReadonlyMap<string, number>;
  readonly problem: string | undefined;
}

/** Callers who leave while somebody waits for their slot, one pair after the other. */
export async function runLeaves(job: LeavesJob): Promise<LeavesResult> {
  const agent = new Agent({ keepAlive: true });
  const { baseUrl } = job;
  const leftAtMs = new Map<string, number>();
  let problem: string | undefined;
  for (let round = 0; round < job.rounds; round++) {
    const leaving = new AbortController();
    const { signal } = leaving;
    const holding = chat(agent, {
      baseUrl,
      model: job.holder,
      user: 'holder',
      stream: true,
      signal,
    });
    await delay(job.leaveAfterMs / 2);
    const requestId = `${job.requestIdPrefix}-${round}`;
    const call = { baseUrl, model: job.next, user: 'next', stream: false, requestId };
    const waiting = chat(agent, call);
    await delay(job.leaveAfterMs / 2);
    leaving.abort();
    leftAtMs.set(requestId, performance.timeOrigin + performance.now());
    await holding;
    problem ??= (await waiting).failure;
  }
  agent.destroy();
  return { leftAtMs, problem };
}
