/**
 * What a new run has to pass before it is queued: its caller's limits, and whether it would be
 * served in time. A request that joins a run which is there already passes nothing, and pays
 * nothing.
 *
 * - N1 a request that is refused, here or later, counts for nothing.
 * - N2 what was let in counts as what it used, when the run has ended.
 */
import { userToken } from '@switchboard/contract';
import type { AgentProfile, Lane, Priority } from '@switchboard/contract';
import type { Caller } from '../accounts/caller.ts';
import type { FairIdentity } from '../accounts/fair-identity.ts';
import type { Candidate, CapacityGate, Forecast } from '../capacity/capacity-gate.ts';
import { LimitError } from '../limits/limit-error.ts';
import type { Limits } from '../limits/limits.ts';
import { rateLimitHeaders } from '../limits/standing.ts';
import { Pass } from './pass.ts';

export interface Newcomer {
  readonly caller: Caller;
  readonly identity: FairIdentity;
  readonly profile: AgentProfile;
  /** Of prompt and longest answer; asked only where tokens have a limit. */
  readonly tokens: () => number;
  readonly deadlineMs: number | undefined;
}

/** What is asked of the transport. */
export interface Queues {
  /** The lane that the user's next request would take. */
  nextLane(pool: string, identity: FairIdentity): Lane;
  /** What a request of this lane and priority would meet; undefined while too little is known. */
  forecast(pool: string, lane: Lane, priority: Priority): Forecast | undefined;
}

export interface EntranceOptions {
  /** Most requests of a caller, queued and running, whose own limits do not say. */
  readonly maxOutstanding: number;
  readonly limits: Limits;
  readonly queues: Queues;
  /** The gate of a pool. */
  readonly gate: (pool: string) => CapacityGate;
}

export class Entrance {
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Most requests of a caller, queued and running. */
  mostOf({ limits }: Caller): number {
    return limits.outstanding ?? this.#options.maxOutstanding;
  }

  /**
   * @param tell is given the headers that say where the caller stands, also when it is refused
   * @throws SwitchboardError of a limit, `overloaded`, `deadline_too_short`, `queue_unavailable`
   */
  async enter(
    newcomer: Newcomer,
    tell: (headers: Record<string, string>) => void,
    signal: AbortSignal,
  ): Promise<Pass> {
    const { gate, limits, queues } = this.#options;
    const { caller, deadlineMs, identity, profile, tokens } = newcomer;
    const counted = [{ identity: caller.id, limits: caller.limits }];
    const grant = await limits
      .take(counted, hasTokenLimit(caller) ? tokens() : 0, signal)
      .catch((error: unknown) => {
        if (error instanceof LimitError) tell(rateLimitHeaders(error.standing));
        throw error;
      });
    tell(rateLimitHeaders(grant.standing));
    const { pool } = profile;
    const candidate: Candidate = {
      identity: userToken(identity.user),
      lane: queues.nextLane(pool, identity),
      queueTimeoutMs: profile.queue_timeout * 1_000,
      deadlineMs,
    };
    const forecast = queues.forecast(pool, candidate.lane, caller.priority);
    const pass = new Pass(grant, () => {
      return forecast === undefined ? undefined : gate(pool).full(candidate, forecast);
    });
    try {
      gate(pool).check(candidate, forecast);
    } catch (error) {
      throw pass.refused(error);
    }
    return pass;
  }
}

function hasTokenLimit({ limits: { tokensPerMinute, tokensPerDay } }: Caller): boolean {
  return (tokensPerMinute ?? tokensPerDay) !== undefined;
}
