/**
 * Who a request counts for in the fair queue, until accounts exist: the API key together with the
 * end user the caller names. The key is not checked; the transport hashes the identity, so that
 * neither travels. Callers without either share one identity.
 */
export function identityOf(authorization: string | undefined, user: string | undefined): string {
  const key = /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trim() ?? '';
  return JSON.stringify([key, user ?? '']);
}
