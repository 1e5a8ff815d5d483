import type { AgentProfile, ChatRequest } from '@switchboard/contract';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../accounts/caller.ts';
import { callerOf } from '../accounts/doorkeeper.ts';
import { fairIdentity } from '../accounts/fair-identity.ts';
import { REQUEST_DEADLINE_HEADER, requestDeadlineMs } from '../capacity/request-deadline.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { estimateTokens } from '../limits/token-estimate.ts';
import type { Order } from '../runs/admission.ts';
import type { Submission } from '../runs/runs.ts';
import type { Entrance } from './entrance.ts';

/** What is asked for, whatever the API. */
export interface Asked {
  /** The end user, as the caller names them. */
  readonly user: string | undefined;
  readonly profile: AgentProfile;
  readonly chat: ChatRequest;
}

/** Who asks, as it goes into an order. */
export interface Introduction {
  /** Whose a stored response is. */
  readonly owner: string;
  readonly who: Pick<
    Submission,
    'account' | 'accountMost' | 'deadlineMs' | 'maxOutstanding' | 'priority' | 'user'
  >;
  readonly enter: Order['enter'];
}

/** @throws SwitchboardError `invalid_request` when the deadline cannot be read */
export function introduce(
  entrance: Entrance,
  exchange: Exchange,
  request: FastifyRequest,
  { user, profile, chat }: Asked,
): Introduction {
  const caller = callerOf(request);
  const identity = fairIdentity(caller, { user });
  const { deadline } = profile;
  const deadlineMs =
    requestDeadlineMs(request.headers[REQUEST_DEADLINE_HEADER]) ??
    (deadline === undefined ? undefined : deadline * 1_000);
  const newcomer = {
    caller,
    identity,
    profile,
    tokens: () => estimateTokens(chat, longestAnswer(chat, profile)),
    deadlineMs,
  };
  const tell = (headers: Record<string, string>): void => {
    exchange.record.limits = headers;
  };
  return {
    owner: caller.owner,
    who: {
      user: identity.user,
      account: identity.account,
      accountMost: namesUsers(caller) ? entrance.mostOf(caller) : undefined,
      priority: caller.priority,
      deadlineMs,
      maxOutstanding: caller.limits.outstanding,
    },
    enter: async (signal) => await entrance.enter(newcomer, tell, signal),
  };
}

/**
 * Its users are bounded together: else it could invent as many as it likes. Also its requests that
 * name nobody go through that bound: one that is passed by some holds for none.
 */
function namesUsers({ id, scopes }: Caller): boolean {
  return id !== 'local' && scopes.has('act_for_users');
}

function longestAnswer(chat: ChatRequest, profile: AgentProfile): number | undefined {
  const asked = chat['max_completion_tokens'] ?? chat['max_tokens'];
  return typeof asked === 'number' ? asked : profile.max_tokens;
}
