/** One background run over plain HTTP: started, asked about until it ends, and asked for again. */
import { setTimeout as delay } from 'node:timers/promises';

import type { SeededRandom } from '@switchboard/testkit';

import { POLICIES, type Policy } from './agents-file.ts';
import { wordsOf } from './words.ts';

export interface RunPlan {
  /** Sent as `x-request-id` (letters, digits, dashes) and as the key of its POST; unique here. */
  readonly id: string;
  readonly policy: Policy;
  readonly model: string;
  /** What the model says. */
  readonly text: string;
}

/** The final response, as far as it is compared. */
export interface RunEnd {
  readonly id: string;
  readonly status: string;
  readonly code: string | undefined;
  readonly text: string;
}

export interface RunResult {
  readonly plan: RunPlan;
  /** Undefined when the run did not end in time. */
  readonly end: RunEnd | undefined;
  /** When the end was seen, epoch milliseconds. */
  readonly endSeenAtMs: number;
  /** Why there is no end. */
  readonly problem: string | undefined;
  /** What the same POST with the same key was answered after the end. */
  readonly again: RunEnd | undefined;
}

interface Response {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly output: readonly {
    readonly content?: readonly { readonly text?: string }[];
  }[];
}

const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_MS = 250;
const POLL_MS = 500;
/** Three lost workers, and a queue. */
const END_WITHIN_MS = 120_000;
const WORDS = { min: 5, max: 60 };
const THINK_MAX_MS = 3_000;
const PACE_MIN_MS = 5;
const PACE_MAX_MS = 150;

/** Every plan takes the same number of draws. */
export function drawPlan(random: SeededRandom, id: string): RunPlan {
  const policy = random.pick(POLICIES);
  const words = random.int(WORDS.min, WORDS.max);
  const [think, pace] = [random.int(0, THINK_MAX_MS), random.int(PACE_MIN_MS, PACE_MAX_MS)];
  const script = `text=echo,think=${think},pace=${pace}`;
  return { id, policy, model: `${policy}/${script}`, text: wordsOf(id, words) };
}

/** Never rejects. */
export async function runInBackground(url: string, plan: RunPlan): Promise<RunResult> {
  const deadlineMs = Date.now() + END_WITHIN_MS;
  let last: RunEnd | undefined;
  try {
    last = await post(url, plan, deadlineMs);
    while (!isOver(last)) {
      await delay(POLL_MS);
      last = await ask(`${url}/v1/responses/${last.id}`, {}, deadlineMs);
    }
    const endSeenAtMs = Date.now();
    const again = await post(url, plan, deadlineMs + END_WITHIN_MS);
    return { plan, end: last, endSeenAtMs, problem: undefined, again };
  } catch (error) {
    const state = last === undefined ? 'not accepted' : `${last.id} ${last.status}`;
    const problem = `${state}: ${error instanceof Error ? error.message : String(error)}`;
    const end = last !== undefined && isOver(last) ? last : undefined;
    return { plan, end, endSeenAtMs: Date.now(), problem, again: undefined };
  }
}

/** How a run is remembered now. */
export async function endOf(url: string, id: string): Promise<RunEnd> {
  return await ask(`${url}/v1/responses/${id}`, {}, Date.now() + END_WITHIN_MS);
}

function isOver({ status }: RunEnd): boolean {
  return status !== 'queued' && status !== 'in_progress';
}

async function post(url: string, plan: RunPlan, deadlineMs: number): Promise<RunEnd> {
  const { id, model, text } = plan;
  const body = JSON.stringify({ model, input: text, background: true, store: true });
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': id,
    'x-request-id': id,
  };
  return await ask(`${url}/v1/responses`, { method: 'POST', body, headers }, deadlineMs);
}

/** Asks until there is an answer: nobody there, a cut connection and a 503 are tried again. */
async function ask(url: string, request: RequestInit, deadlineMs: number): Promise<RunEnd> {
  for (;;) {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    let refusal: string;
    try {
      const response = await fetch(url, { ...request, signal });
      const text = await response.text();
      if (response.ok) return summary(JSON.parse(text) as Response);
      refusal = `status ${response.status} ${text.slice(0, 300)}`;
      if (response.status < 500 && response.status !== 429) throw new RefusedError(refusal);
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      refusal = String(error instanceof Error ? (error.cause ?? error) : error);
    }
    if (Date.now() > deadlineMs) throw new Error(`not ended in time, at last ${refusal}`);
    await delay(RETRY_MS);
  }
}

class RefusedError extends Error {}

function summary({ id, status, error, output }: Response): RunEnd {
  const pieces = output.flatMap(({ content }) => content ?? []).map(({ text }) => text ?? '');
  return { id, status, code: error?.code, text: pieces.join('') };
}
