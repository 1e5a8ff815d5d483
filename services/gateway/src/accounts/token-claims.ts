import type { JWTPayload } from 'jose';
import { SCOPES, tokenOwner } from './caller.ts';
import type { Caller, Scope } from './caller.ts';
import { invalidKey } from './credentials.ts';
import { KeyTenant, KeyUser } from './key-file.ts';

/** Which claims say what. */
export interface ClaimNames {
  readonly user: string;
  readonly tenant: string;
  readonly scope: string;
  readonly scopePrefix: string;
}

/**
 * The caller that the claims of a verified token describe.
 * @throws SwitchboardError `invalid_api_key` when they do not describe one.
 */
export function callerOf(payload: JWTPayload, issuer: string, names: ClaimNames): Caller {
  const user = KeyUser.safeParse(claimOf(payload, names.user));
  if (!user.success) throw invalidKey('The token does not name its user as expected here.');
  const tenant = KeyTenant.safeParse(claimOf(payload, names.tenant) ?? 'default');
  if (!tenant.success) throw invalidKey('The token does not name its tenant as expected here.');
  return Object.freeze({
    id: `jwt:${issuer}#${tenant.data}/${user.data}`,
    name: user.data,
    user: user.data,
    tenant: tenant.data,
    scopes: scopesOf(claimOf(payload, names.scope), names.scopePrefix),
    priority: 'normal',
    limits: Object.freeze({}),
    owner: tokenOwner(tenant.data, issuer, user.data),
    ...(payload.exp === undefined ? {} : { expiresAtMs: payload.exp * 1_000 }),
  });
}

/** A claim of the token itself, never something that all objects have. */
function claimOf(payload: JWTPayload, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined;
}

/** Scopes of other services mean nothing. A token that names none of ours may use the API. */
function scopesOf(claim: unknown, prefix: string): ReadonlySet<Scope> {
  const words = new Set<unknown>(typeof claim === 'string' ? claim.split(' ') : toList(claim));
  const ours = SCOPES.filter((scope) => words.has(`${prefix}${scope}`));
  return new Set(ours.length === 0 ? ['api'] : ours);
}

function toList(claim: unknown): readonly unknown[] {
  return Array.isArray(claim) ? claim : [];
}
