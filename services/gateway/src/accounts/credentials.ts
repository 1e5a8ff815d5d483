import { SwitchboardError } from '@switchboard/contract';

/** The longest `Authorization` header that is looked at (characters). A token may be long. */
const HEADER_MAX_CHARACTERS = 8_192;

/** RFC 6750: `Bearer`, in any case, and one token of these characters. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * The key or token of an `Authorization` header.
 * @throws SwitchboardError `missing_api_key` without one, `invalid_api_key` when the header cannot
 * hold one. The message never repeats it.
 */
export function bearerToken(authorization: string | undefined): string {
  const header = (authorization ?? '').trim();
  if (header === '' || /^bearer$/i.test(header)) {
    const message = 'No API key was given: send it as the header `Authorization: Bearer <key>`.';
    throw new SwitchboardError('missing_api_key', message);
  }
  const token = header.length > HEADER_MAX_CHARACTERS ? undefined : BEARER.exec(header)?.[1];
  if (token !== undefined) return token;
  throw invalidKey(
    'The `Authorization` header must be `Bearer <key>`, with a key as it was given.',
  );
}

/**
 * The one `Authorization` header of a request. Of several Node shows the first alone, and a proxy
 * before the gateway may have looked at another: two are refused.
 * @param rawHeaders names and values in turn, as Node gives them
 * @throws SwitchboardError `invalid_api_key`
 */
export function soleAuthorization(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) throw invalidKey('There is more than one `Authorization` header.');
    found = rawHeaders[at + 1];
  }
  return found;
}

/** The same code for whatever is wrong with a key: a client can do the same about each. */
export function invalidKey(message: string): SwitchboardError {
  return new SwitchboardError('invalid_api_key', message);
}
