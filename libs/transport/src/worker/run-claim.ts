/**
 * Claiming a run: one compare-and-set over everything that was ever said of it, so that one worker
 * at a time runs it, however often the queue hands it out.
 */
import {
  encodeEvents,
  HEARTBEAT_MS,
  MAX_ATTEMPTS,
  runClaim,
  runEvents,
  SUSPECT_FROM,
  TAKEOVER_MS,
} from '@switchboard/contract';
import { hasEvents, readState, type RunState } from '../events/log-state.ts';
import type { Away, NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';

/**
 * What a claim found.
 * - `started`: the run is ours; `attempt` says which try this is, `lostBefore` how many of the
 *   earlier ones were lost with their workers.
 * - `ended`: it has its end; nothing is left to do but to acknowledge the request.
 * - `busy`: somebody runs it, or did until a moment ago: ask again after `againMs`.
 * - `lost`: an earlier attempt had already shown output and is gone: it must not be run again.
 * - `suspect`: so many workers were lost on it that it may be claimed only where nothing else runs
 *   (`worker/run-gate.ts`). Nothing was written.
 */
export type Opened =
  | { readonly kind: 'started'; readonly attempt: number; readonly lostBefore: number }
  | { readonly kind: 'ended' }
  | { readonly kind: 'busy'; readonly againMs: number }
  | { readonly kind: 'lost'; readonly attempt: number }
  | {
      readonly kind: 'suspect';
      readonly lostBefore: number;
      /** Milliseconds since its last attempt last said something, by the server's clock. */
      readonly silentMs: number;
    };

export interface ClaimOptions {
  /** Names this claim, no other of the same worker. */
  readonly claimant: string;
  /** Whether a run whose lost attempt had shown output is run again. */
  readonly restart: boolean;
  /** Whether it may claim a suspect: nothing else runs in this worker, or this run will not. */
  readonly alone: boolean;
  /** The clock of `sentAtMs`. */
  readonly now: () => number;
}

export interface Claim {
  readonly opened: Opened;
  readonly attempt: number;
  readonly lostBefore: number;
  /** Sequence that the end is written against. */
  readonly seq: number;
  /** When the claim was sent. */
  readonly sentAtMs: number;
}

/** Retries while the outcome is unknown until `signal` aborts. @throws StoreError */
export async function claimRun(
  link: NatsLink,
  run: string,
  { claimant, restart, alone, now }: ClaimOptions,
  signal: AbortSignal,
): Promise<Claim> {
  let attempt = 1;
  let lostBefore = 0;
  for (let expectedLast = 0; ;) {
    signal.throwIfAborted();
    const sentAtMs = now();
    const found = (opened: Opened, seq: number): Claim => ({
      opened,
      attempt,
      lostBefore,
      seq,
      sentAtMs,
    });
    const data = encodeEvents({
      a: attempt,
      n: 1,
      ...(lostBefore === 0 ? {} : { l: lostBefore }),
      e: [{ type: 'started', worker: claimant }],
    });
    const seq = await tryToClaim(link, run, data, expectedLast);
    if (seq !== undefined) return found({ kind: 'started', attempt, lostBefore }, seq);
    const state = await readState(link, run);
    if (state === undefined) {
      // The claim has aged out of the log, but what was said after it has not.
      if (await hasEvents(link, run)) return found({ kind: 'lost', attempt }, 0);
      expectedLast = 0; // Not stored after all, or the log was emptied: say it again.
      continue;
    }
    if (state.isEnd) return found({ kind: 'ended' }, state.seq);
    if (state.text === data) return found({ kind: 'started', attempt, lostBefore }, state.seq);
    const { message, back } = state;
    const againMs = TAKEOVER_MS - state.silentMs;
    if (!back && againMs > 0) return found({ kind: 'busy', againMs }, state.seq);
    expectedLast = state.lastSeq;
    attempt = message.a + 1;
    lostBefore = (message.l ?? 0) + (back || isExcused(link.lastAway, state) ? 0 : 1);
    // Nothing but an end is written, against the lost claim.
    if (state.shown && !restart) return found({ kind: 'lost', attempt }, state.seq);
    if (!alone && lostBefore >= SUSPECT_FROM && lostBefore < MAX_ATTEMPTS) {
      return found({ kind: 'suspect', lostBefore, silentMs: state.silentMs }, state.seq);
    }
  }
}

/**
 * Whether NATS may be to blame that the attempt fell silent: this worker, too, was without it since
 * then, for longer than a blink. Such a loss is not counted. If it were, three outages of NATS
 * would condemn every run that lives through them, and two would send all of them, one by one, to
 * run alone. What kills workers gains one attempt for each outage by this, no more.
 */
export function isExcused(
  away: Away | undefined,
  { silentMs }: Pick<RunState, 'silentMs'>,
  nowMs = performance.now(),
): boolean {
  if (away === undefined || away.toMs - away.fromMs < HEARTBEAT_MS) return false;
  return nowMs - away.toMs < silentMs;
}

/** @returns undefined when it was not stored, or when that is not known. @throws StoreError */
async function tryToClaim(
  link: NatsLink,
  run: string,
  data: string,
  expectedLast: number,
): Promise<number | undefined> {
  try {
    const filter = runEvents(run);
    const options = { expectedLast, filter, timeoutMs: 2_000 };
    return (await store(link, runClaim(run), data, options)).seq;
  } catch (error) {
    const failure = error instanceof StoreError ? error.failure : undefined;
    if (failure !== 'conflict' && failure !== 'unknown') throw error;
    return undefined;
  }
}
