import { createHash } from 'node:crypto';
import type { Caller } from './caller.ts';

/** The end user that a request names. */
export interface NamedUser {
  readonly safetyIdentifier?: string | undefined;
  readonly user?: string | undefined;
}

/** Who a request counts for in the queue. The transport hashes both: neither travels. */
export interface FairIdentity {
  /** Whose own cap bounds all of its users together. */
  readonly account: string;
  /** Who waits in turn. The account itself, unless it may act for users and names one. */
  readonly user: string;
}

/** Longer names are replaced by their hash, so that an identity has a bound (characters). */
const NAME_MAX_CHARACTERS = 128;

/**
 * Only a caller with the scope `act_for_users` is split by the users it names: else one key could
 * invent a thousand users and take a thousand places. Without keys there is no account to bound;
 * the unverified key and the user split the queue, and each pair is an account by itself.
 */
export function fairIdentity(caller: Caller, named: NamedUser): FairIdentity {
  const name = named.user ?? named.safetyIdentifier ?? '';
  if (caller.id === 'local') {
    const pair = JSON.stringify([caller.owner, bounded(name)]);
    return { account: pair, user: pair };
  }
  const account = caller.id;
  if (name === '' || !caller.scopes.has('act_for_users')) return { account, user: account };
  return { account, user: JSON.stringify([account, bounded(name)]) };
}

function bounded(name: string): string {
  if (name.length <= NAME_MAX_CHARACTERS) return name;
  return `#${createHash('sha256').update(name).digest('base64url')}`;
}
