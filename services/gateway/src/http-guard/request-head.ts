/** What the head of a request may be, beyond what Node refuses itself. */
import type { IncomingMessage } from 'node:http';
import { SwitchboardError } from '@switchboard/contract';

/** Bytes of request line and headers together; Node answers more itself. */
export const HEAD_MAX_BYTES = 16_384;
/** No route needs more than an agent's name. */
export const URL_MAX_BYTES = 8_192;
/** The SDKs send about 20, proxies add a few. Node would drop those over 2,000 silently. */
export const HEADERS_MAX = 100;

/** A request with two of these would be read differently by a proxy and by the gateway. */
const ONCE = new Set(['host', 'content-length', 'content-type', 'transfer-encoding']);

/** @returns what is wrong with the head */
export function headError(request: IncomingMessage): SwitchboardError | undefined {
  const { httpVersion, rawHeaders, url = '' } = request;
  // Node still reads HTTP/0.9, which has no headers.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refused('Only HTTP/1.1 is spoken.');
  if (url.length > URL_MAX_BYTES) {
    const message = `The URL of the request is longer than ${URL_MAX_BYTES} bytes.`;
    return new SwitchboardError('url_too_long', message);
  }
  if (rawHeaders.length / 2 > HEADERS_MAX) {
    const message = `The request has more than ${HEADERS_MAX} headers.`;
    return new SwitchboardError('headers_too_large', message);
  }
  const twice = repeated(rawHeaders);
  if (twice !== undefined) return refused(`The request has the header ${twice} more than once.`);
  const { headers } = request;
  if (httpVersion === '1.1' && headers.host === undefined) {
    return refused('The request has no header host.');
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const message = 'The body of the request must not be compressed: no content-encoding.';
    return new SwitchboardError('unsupported_media_type', message);
  }
  return undefined;
}

function repeated(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!ONCE.has(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

function refused(message: string): SwitchboardError {
  return new SwitchboardError('invalid_request', message);
}
