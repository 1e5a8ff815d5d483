/**
 * Whether a request will be served in time, asked before it is queued: a full house says so at
 * once, and tells a time that comes true.
 */
import { SwitchboardError, type Lane } from '@switchboard/contract';
import { HORIZON_MS, type Reservations } from './reservations.ts';

/** What a pool is expected to do with one more request of a lane. */
export interface Forecast {
  /** Until it would get a slot, by what waits before it now. */
  readonly waitMs: number;
  /** How long a run holds a slot, on average. */
  readonly serviceMs: number;
  /** How many runs the pool begins in a second when all slots are busy. */
  readonly ratePerSecond: number;
}

export interface Candidate {
  /** The identity of the fair queue, hashed. */
  readonly identity: string;
  readonly lane: Lane;
  /** Longest wait for a slot. */
  readonly queueTimeoutMs: number;
  /** Within which the whole answer must be there; undefined: no such wish. */
  readonly deadlineMs: number | undefined;
}

/** Runs take longer than their average; one of this many averages still meets its deadline. */
const SERVICE_MARGIN = 1.3;
/**
 * Waits turn out longer than predicted: the runs ahead differ, and what other gateways let in is
 * known a moment later. One that is longer by this still meets its limit.
 */
const WAIT_MARGIN = 1.1;
/** A caller that comes when told may wait this part of a service time longer than a newcomer. */
const TAKER_MARGIN = 0.5;
/** Nobody is told to come back sooner. */
const RETRY_MIN_MS = 1_000;

export class CapacityGate {
  readonly #reservations: Reservations;

  constructor(reservations: Reservations) {
    this.#reservations = reservations;
  }

  /**
   * Returns when the request is expected to be served in time, or nothing is known about the pool
   * yet.
   *
   * @throws SwitchboardError `overloaded`, with the time at which a place is kept
   */
  check(candidate: Candidate, forecast: Forecast | undefined): void {
    if (forecast === undefined) return;
    const { identity, lane } = candidate;
    const budgetMs = waitBudgetMs(candidate, forecast);
    if (this.#reservations.take(identity)) {
      const mostMs = longestWaitMs(candidate, forecast);
      const ownMs = budgetMs + TAKER_MARGIN * forecast.serviceMs;
      if (forecast.waitMs <= Math.min(mostMs, ownMs)) return;
    } else {
      // Most have nothing kept before them, and nothing to wait for.
      const behind = this.#reservations.before(lane, Math.max(0, budgetMs));
      if (forecast.waitMs + (behind * 1_000) / forecast.ratePerSecond <= budgetMs) return;
    }
    throw this.#refusal(candidate, forecast, budgetMs);
  }

  /** The refusal of a request that found all places taken. */
  full(candidate: Candidate, forecast: Forecast): number {
    const { identity, lane } = candidate;
    return this.#reservations.make(identity, lane, RETRY_MIN_MS, forecast.ratePerSecond);
  }

  #refusal(candidate: Candidate, forecast: Forecast, budgetMs: number): SwitchboardError {
    const { identity, lane, deadlineMs } = candidate;
    const { ratePerSecond, serviceMs, waitMs } = forecast;
    if (budgetMs < 0) {
      return new SwitchboardError(
        'deadline_too_short',
        `An answer takes about ${text(serviceMs)} once it has begun: ` +
          `your deadline of ${text(deadlineMs ?? 0)} cannot be met. Ask for a longer one.`,
        { param: 'x-request-deadline' },
      );
    }
    const earliestMs = Math.max(RETRY_MIN_MS, waitMs - budgetMs);
    const retryAfterMs = this.#reservations.make(identity, lane, earliestMs, ratePerSecond);
    const limit = deadlineMs === undefined ? 'the longest wait' : 'what your deadline leaves';
    const when =
      retryAfterMs >= HORIZON_MS
        ? `The true wait is about ${text(retryAfterMs)}.`
        : `A place is kept for you in ${text(retryAfterMs)}.`;
    return new SwitchboardError(
      'overloaded',
      `All slots are busy: you would wait about ${text(waitMs)} for one, ` +
        `and ${limit} is ${text(budgetMs)}. ${when}`,
      { retryAfterMs },
    );
  }
}

/** Longest predicted wait for a slot with which the answer will still be in time. */
function waitBudgetMs(candidate: Candidate, { serviceMs }: Forecast): number {
  return longestWaitMs(candidate, { serviceMs: SERVICE_MARGIN * serviceMs }) / WAIT_MARGIN;
}

/** Longest wait after which a run of so long would be in time. */
function longestWaitMs(
  { queueTimeoutMs, deadlineMs }: Candidate,
  { serviceMs }: Pick<Forecast, 'serviceMs'>,
): number {
  return deadlineMs === undefined
    ? queueTimeoutMs
    : Math.min(queueTimeoutMs, deadlineMs - serviceMs);
}

function text(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
