/** Requests that are not run when they are taken: what is unread, out of time, or given up. */
import {
  encodeEvents,
  MAX_ATTEMPTS,
  runEnd,
  runEvents,
  type RunRequest,
  SwitchboardError,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import { acknowledge, type Delivery, giveBack, storedAtMs, timesDelivered } from './delivery.ts';
import type { CallerStanding } from './gateways.ts';
import { CALLER_GONE } from './run-ends.ts';

/** Clocks of two machines may differ by this much before a queue timeout is doubted. */
const CLOCK_SKEW_MS = 5_000;
/** A queued request whose gateway is lost is looked at again after this long. */
const LOST_RETRY_MS = 2_000;
/** So often is a request handed out to workers that do not know its agent, with such a pause. */
const UNKNOWN_TRIES = 30;
const UNKNOWN_RETRY_MS = 1_000;

/** Why a run that was just claimed is not to be run. */
export function refusalOf(
  delivery: Delivery,
  request: RunRequest,
  { attempt, lostBefore }: { readonly attempt: number; readonly lostBefore: number },
): SwitchboardError | undefined {
  if (lostBefore >= MAX_ATTEMPTS) {
    return new SwitchboardError(
      'too_many_attempts',
      `The run was given up: ${MAX_ATTEMPTS} workers were lost while they ran it.`,
    );
  }
  // The gateway's own act; this is for requests whose gateway is gone.
  const waitedMs = Date.now() - storedAtMs(delivery);
  if (attempt === 1 && waitedMs > request.queueTimeoutMs + CLOCK_SKEW_MS) {
    return new SwitchboardError('queue_timeout', 'No slot became free in time.');
  }
  return undefined;
}

/**
 * A request whose gateway is lost waits for somebody to come back to it, and ends unrun when nobody
 * does. @returns what was done with it; undefined: nothing, it is to be claimed. @throws StoreError
 */
export async function leaveUnread(
  link: NatsLink,
  { run, reply }: { readonly run: string; readonly reply: string },
  caller: CallerStanding,
): Promise<'given back' | 'ended' | undefined> {
  if (caller === 'present') return undefined;
  if (caller === 'lost') {
    giveBack(link, reply, LOST_RETRY_MS);
    return 'given back';
  }
  // Somebody else's run or end is met by the claim.
  if (!(await endUnbegun(link, run))) return undefined;
  acknowledge(link, reply);
  return 'ended';
}

/**
 * A request for an agent that this worker does not know goes back: another one of the pool may have
 * the version that does, while a new one is being rolled out.
 * @returns false when it has come back too often: nobody knows the agent.
 */
export function leaveToOthers(link: NatsLink, delivery: Delivery, reply: string): boolean {
  if (timesDelivered(delivery) > UNKNOWN_TRIES) return false;
  giveBack(link, reply, UNKNOWN_RETRY_MS);
  return true;
}

/** @returns false when somebody has begun or ended it. @throws StoreError */
async function endUnbegun(link: NatsLink, run: string): Promise<boolean> {
  try {
    await store(link, runEnd(run), encodeEvents({ a: 0, n: 1, e: [CALLER_GONE] }), {
      expectedLast: 0,
      filter: runEvents(run),
      timeoutMs: 2_000,
    });
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'conflict') return false;
    throw error;
  }
}
