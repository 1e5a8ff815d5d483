import { isIP } from 'node:net';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { OWN_TOOLS, ToolError } from '../tool.ts';
import type { Tool } from '../tool.ts';
import { allowsHost } from './host-list.ts';
import { isPublicAddress } from './public-address.ts';
import { isRefusal, nameLookup, publicLookup } from './public-lookup.ts';
import type { Lookup } from './public-lookup.ts';

export interface FetchToolOptions {
  /** See {@link allowsHost}. */
  readonly allow: readonly string[];
  /** For tests. */
  readonly isPublic?: (address: string) => boolean;
  /** For tests. */
  readonly lookup?: Lookup;
}

const URL_CHARS_MAX = 2_048;
const REDIRECTS_MAX = 5;
const BODY_BYTES_MAX = 1_048_576;
const TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Connections at once to one host, over all runs of the worker. */
const CONNECTIONS = 8;
const REQUEST_HEADERS = {
  accept: 'text/*, application/json, application/xml;q=0.9',
  // Compressed, a small answer could be a huge page.
  'accept-encoding': 'identity',
  'user-agent': 'switchboard-fetch',
};
const TEXT_TYPE = /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|yaml|javascript)\b)/i;

/**
 * Reads pages of the hosts that the operator allows. A name is looked up where the connection is
 * made and nowhere else, so that an address that was looked at is the one that is spoken to, also
 * behind a redirect.
 */
export class FetchTool implements Tool {
  readonly name = 'fetch';
  readonly description =
    'Reads a page or a file of text from the web by its http or https address.';
  readonly parameters = {
    type: 'object',
    properties: { url: { type: 'string', description: 'An http or https address.' } },
    required: ['url'],
    additionalProperties: false,
  };
  readonly source = OWN_TOOLS;
  // It only ever sends GET.
  readonly sideEffects = false;
  readonly timeoutMs = TIMEOUT_MS;
  readonly #allow: readonly string[];
  readonly #isPublic: (address: string) => boolean;
  readonly #agent: Agent;
  readonly #closing = new AbortController();

  constructor({ allow, isPublic = isPublicAddress, lookup = nameLookup() }: FetchToolOptions) {
    this.#allow = allow;
    this.#isPublic = isPublic;
    // A lookup is its connection's, which serves all who wait for the host: no single call ends it.
    const connect = {
      timeout: CONNECT_TIMEOUT_MS,
      lookup: publicLookup(lookup, isPublic, this.#closing.signal),
    };
    this.#agent = new Agent({ connect, connections: CONNECTIONS, maxHeaderSize: 16_384 });
  }

  async run(input: unknown, { signal }: { readonly signal: AbortSignal }): Promise<string> {
    let url = this.#check(urlIn(input));
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const response = await this.#get(url, signal);
      const { statusCode, headers, body } = response;
      const location = firstOf(headers['location']);
      if (statusCode < 300 || statusCode >= 400 || location === undefined) {
        return await textOf(response, signal);
      }
      body.destroy();
      if (!URL.canParse(location, url)) throw new ToolError('It redirects to no address.');
      url = this.#check(new URL(location, url));
    }
    throw new ToolError(`It redirects more than ${REDIRECTS_MAX} times.`);
  }

  /** Breaks off what is being read, or looked up. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#agent.destroy();
  }

  /** @throws ToolError */
  #check(url: URL): URL {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new ToolError('Only http and https addresses can be read.');
    }
    if (url.username !== '' || url.password !== '') {
      throw new ToolError('An address with a user or a password is not read.');
    }
    if (!allowsHost(this.#allow, url)) throw new ToolError('This host is not allowed.');
    // An address in place of a name is never looked up.
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !this.#isPublic(literal)) throw notPublic();
    return url;
  }

  async #get(url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      const response = await request(url, {
        dispatcher: this.#agent,
        signal,
        headers: REQUEST_HEADERS,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
      });
      // A body that is left unread ends with an error, which nobody waits for.
      response.body.on('error', () => undefined);
      return response;
    } catch (thrown) {
      signal.throwIfAborted();
      if (isRefusal(thrown)) throw notPublic();
      throw new ToolError('The host cannot be reached.');
    }
  }
}

function urlIn(input: unknown): URL {
  const url = (input as { url?: unknown } | null)?.url;
  if (typeof url !== 'string' || url.length > URL_CHARS_MAX || !URL.canParse(url)) {
    throw new ToolError('url must be a whole address: https://example.com/page.');
  }
  return new URL(url);
}

/** The page. @throws ToolError when it is no text, or its status no success */
async function textOf(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<string> {
  const type = firstOf(headers['content-type']) ?? '';
  if (!TEXT_TYPE.test(type)) {
    body.destroy();
    const what = type === '' ? 'of no type' : type.slice(0, 80);
    throw new ToolError(`It answers with status ${statusCode} and content ${what}, not text.`);
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    body.destroy();
    throw new ToolError('It answers compressed, which was not asked for.');
  }
  const { bytes, isWhole } = await readBytes(body, signal);
  const text = decoderFor(type).decode(bytes);
  if (statusCode >= 400) throw new ToolError(`Status ${statusCode}: ${text.slice(0, 1_000)}`);
  return isWhole ? text : `${text}\n[cut: only the first mebibyte was read]`;
}

async function readBytes(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly isWhole: boolean }> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece.subarray(0, BODY_BYTES_MAX - length));
      length += piece.length;
      // Leaving the loop breaks the connection off.
      if (length > BODY_BYTES_MAX) break;
    }
  } catch {
    signal.throwIfAborted();
    throw new ToolError('The page broke off.');
  }
  return { bytes: Buffer.concat(pieces), isWhole: length <= BODY_BYTES_MAX };
}

function decoderFor(type: string): TextDecoder {
  const [, charset = 'utf-8'] = /charset="?([\w-]+)/i.exec(type) ?? [];
  try {
    return new TextDecoder(charset);
  } catch {
    // Nobody knows that one: most of it will be letters all the same.
    return new TextDecoder();
  }
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function notPublic(): ToolError {
  return new ToolError('This host has no public address.');
}
