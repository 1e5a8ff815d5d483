import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { chat } from './chat.ts';

export interface StreamsJob {
  readonly baseUrl: string;
  readonly streams: number;
  readonly tokens: number;
  /** From one token to the next, in milliseconds. */
  readonly paceMs: number;
  /** The streams begin evenly over this time, in milliseconds. */
  readonly rampMs: number;
}

export interface StreamsResult {
  /** Streams without all of their tokens, in order, and `[DONE]`. */
  readonly broken: number;
  /** Why the first of them is. */
  readonly firstProblem: string | undefined;
  readonly firstTokenMs: readonly number[];
  /** From sending to the end, of whole streams. */
  readonly totalMs: readonly number[];
}

/** Opens many streams, each with a text of its own, and checks every one to the letter. */
export async function runStreams(job: StreamsJob): Promise<StreamsResult> {
  const agent = new Agent({ keepAlive: true });
  const model = `sim/text=echo,pace=${job.paceMs}ms`;
  const problems: string[] = [];
  const firstTokenMs: number[] = [];
  const totalMs: number[] = [];
  const one = async (index: number): Promise<void> => {
    await delay((job.rampMs * index) / job.streams);
    const content = streamText(index, job.tokens);
    const call = { baseUrl: job.baseUrl, model, user: `user-${index}`, stream: true, content };
    const result = await chat(agent, call);
    if (result.failure === undefined && result.text === content) {
      firstTokenMs.push(result.firstTokenMs);
      totalMs.push(result.totalMs);
    } else {
      problems.push(result.failure ?? 'tokens were lost, doubled or out of order');
    }
  };
  await Promise.all(Array.from({ length: job.streams }, (_, index) => one(index)));
  agent.destroy();
  return { broken: problems.length, firstProblem: problems[0], firstTokenMs, totalMs };
}

/** As many tokens as wanted, all different within a stream and between streams. */
export function streamText(stream: number, tokens: number): string {
  return Array.from({ length: tokens }, (_, token) => `${stream}.${token}`).join(' ');
}
