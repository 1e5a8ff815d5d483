/** Longest part of a provider's message that is passed on, in characters. */
export const MESSAGE_LENGTH_MAX = 500;

const KEY_LIKE = /\b(?:sk|pk|key|rk)-[\w*-]{4,}|\bBearer\s+\S+/gi;
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;
// oxlint-disable-next-line no-control-regex -- Control characters are what is being removed.
const CONTROL = /[\u0000-\u001f\u007f]+/g;

/**
 * A provider's message as it may be shown to a caller: one line, bounded, without keys, without
 * credentials in addresses and without the endpoint's own address.
 *
 * @param secrets Values to be taken out wherever they stand: the API key, the endpoint's host.
 */
export function safeMessage(text: string, secrets: readonly string[]): string {
  // Bounded first too: the patterns below must not be run over megabytes.
  let safe = text.slice(0, MESSAGE_LENGTH_MAX * 4).replace(URL_CREDENTIALS, '$1');
  for (const secret of secrets) {
    if (secret !== '') safe = safe.replaceAll(secret, '[removed]');
  }
  safe = safe.replace(KEY_LIKE, '[removed]').replace(CONTROL, ' ').trim();
  return safe.length > MESSAGE_LENGTH_MAX ? `${safe.slice(0, MESSAGE_LENGTH_MAX - 1)}…` : safe;
}
