/** What the HTTP server takes from strangers: its options and its fixed limits. */
import { BlockList, isIP } from 'node:net';
import * as option from '@switchboard/platform/config';
import { listOf } from '../accounts/options.ts';

const ORIGIN = /^https?:\/\/[^/?#@,*\s]+$/;

const proxies = option.string({
  doc:
    'Addresses of the proxies in front, as addresses or CIDR ranges with commas between them. ' +
    'Only from these is `X-Forwarded-For` believed; `Forwarded` never is.',
});

const origins = option.string({
  doc:
    'Origins of web pages that may call the API from a browser, exactly as browsers send them ' +
    '(`https://app.example.com`), with commas between them. Without it no page of another origin ' +
    'can read an answer.',
});

export const HTTP_GUARD_OPTIONS = option.defineOptions({
  HEADERS_TIMEOUT_MS: option.duration({
    doc:
      'Longest time for the headers of a request to arrive, from the start of the connection or ' +
      'of the request; slower ones get a 408. `BODY_TIMEOUT_MS` bounds it too.',
    default: 10_000,
    min: 1_000,
    max: 600_000,
  }),
  MAX_CONNECTIONS: option.integer({
    doc:
      'Connections open at once. When they are taken, the oldest one that has not sent a whole ' +
      'request head yet makes room; else the new one gets a 503. Keep it below the open files ' +
      'that the system allows (`ulimit -n`).',
    default: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  MAX_CONNECTIONS_PER_ADDRESS: option.integer({
    doc:
      'Connections of one address (IPv6: one /64) at once, or requests of one client behind a ' +
      'proxy of `TRUSTED_PROXIES`; more get a 503. Loopback and trusted proxies have no such ' +
      'bound.',
    default: 1_000,
    min: 1,
    max: 1_000_000,
  }),
  MAX_STREAMS_PER_USER: option.integer({
    doc: 'Streams that one caller may read at once from one gateway; more get a 429.',
    default: 1_024,
    min: 1,
    max: 65_536,
  }),
  TRUSTED_PROXIES: {
    ...proxies,
    expected: 'IP addresses or CIDR ranges with commas between them',
    parser: proxies.parser.refine((text) => listOf(text).every(isRange)),
  },
  CORS_ORIGINS: {
    ...origins,
    expected: 'origins such as https://app.example.com, with commas between them, and no wildcard',
    parser: origins.parser.refine((text) => listOf(text).every((one) => ORIGIN.test(one))),
  },
});

/** Milliseconds and counts. */
export interface HttpGuardOptions {
  readonly headersTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Addresses and CIDR ranges. */
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
}

/** The options' defaults. */
export const HTTP_GUARD_DEFAULTS: HttpGuardOptions = {
  headersTimeoutMs: 10_000,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1_000,
  trustedProxies: [],
  corsOrigins: [],
};

/** From the service's configuration. */
export function httpGuardOptions(config: {
  readonly headersTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly trustedProxies?: string | undefined;
  readonly corsOrigins?: string | undefined;
}): HttpGuardOptions {
  const { headersTimeoutMs, maxConnections, maxConnectionsPerAddress } = config;
  return {
    headersTimeoutMs,
    maxConnections,
    maxConnectionsPerAddress,
    trustedProxies: listOf(config.trustedProxies),
    corsOrigins: listOf(config.corsOrigins),
  };
}

/** @throws Error when one of them is neither an address nor a range */
export function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function isRange(range: string): boolean {
  if (!/^[^/]+(\/\d{1,3})?$/.test(range)) return false;
  try {
    blockListOf([range]);
    return true;
  } catch {
    return false;
  }
}
