import { createHash } from 'node:crypto';

/**
 * Who a request counts for in the fair queue, until accounts exist: the API key together with the
 * end user the caller names. The key is not checked; the transport hashes the identity, so that
 * neither travels. Callers without either share one identity.
 */
export function identityOf(authorization: string | undefined, user: string | undefined): string {
  return JSON.stringify([keyOf(authorization), user ?? '']);
}

/** Whose a stored response is: a hash of the API key. All callers without one are one owner. */
export function ownerOf(authorization: string | undefined): string {
  return createHash('sha256').update(keyOf(authorization)).digest('base64url');
}

function keyOf(authorization: string | undefined): string {
  return /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trim() ?? '';
}
