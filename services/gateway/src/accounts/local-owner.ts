import { createHash } from 'node:crypto';

/**
 * Whose a stored response is where no key is checked: a hash of the key that was sent all the same.
 * All callers without one are one owner.
 */
export function ownerOf(authorization: string | undefined): string {
  return createHash('sha256').update(keyOf(authorization)).digest('base64url');
}

function keyOf(authorization: string | undefined): string {
  return /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trim() ?? '';
}
