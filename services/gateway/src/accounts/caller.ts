import { createHash } from 'node:crypto';
import { SwitchboardError } from '@switchboard/contract';
import type { Priority } from '@switchboard/contract';

/**
 * What a caller may do. `api`: use the API. `admin`: see what is not their own. `act_for_users`:
 * name end users, who then have their own places in the queue.
 */
export const SCOPES = ['api', 'admin', 'act_for_users'] as const;
export type Scope = (typeof SCOPES)[number];

/** Limits of one caller. What is not set here is as the gateway's configuration says. */
export interface CallerLimits {
  /** Requests queued and running at once. */
  readonly outstanding?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
  readonly tokensPerDay?: number | undefined;
}

/** Who sent a request, as far as it was proved. */
export interface Caller {
  /** `key:<name>`, `jwt:<issuer>#<tenant>/<user>` or `local`: what limits and logs go by. */
  readonly id: string;
  /** For people: the key's name, the token's subject, or `local`. */
  readonly name: string;
  readonly user: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly priority: Priority;
  readonly limits: CallerLimits;
  /** Whose stored responses are: a hash, so that it may be stored with them. */
  readonly owner: string;
  /** When the key or token ends, in milliseconds since 1970. */
  readonly expiresAtMs?: number;
}

/** The owner that all keys of one user of a tenant share. */
export function keyOwner(tenant: string, user: string): string {
  return hashOf(['key', tenant, user]);
}

/**
 * The owner behind a token. The issuer is part of it: a subject of one issuer is nobody to another,
 * nor to the user of a key who happens to have the same name.
 */
export function tokenOwner(tenant: string, issuer: string, subject: string): string {
  return hashOf(['jwt', tenant, issuer, subject]);
}

/** @throws SwitchboardError `insufficient_scope` that names the scope. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.has(scope)) return;
  throw new SwitchboardError('insufficient_scope', `This needs the scope \`${scope}\`.`);
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
