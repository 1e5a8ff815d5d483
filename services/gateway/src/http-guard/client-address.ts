/** Whose address a request comes from. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { BlockList } from 'node:net';
import { blockListOf } from './options.ts';

/** More proxies than any request passes; who forges a longer list is not followed through it. */
const HOPS_MAX = 32;

const LOOPBACK = blockListOf(['127.0.0.0/8', '::1']);

/**
 * Only what a trusted proxy says of its own client is believed: the list is read from its end, and
 * the first address that is no trusted proxy is the client. `Forwarded` is ignored everywhere: a
 * proxy that writes one of the two headers passes the other one on as the client wrote it.
 */
export class ClientAddresses {
  readonly #trusted: BlockList;

  /** @param trusted addresses and CIDR ranges */
  constructor(trusted: readonly string[]) {
    this.#trusted = blockListOf(trusted);
  }

  isTrusted(address: string): boolean {
    return contains(this.#trusted, address);
  }

  /** Of a peer that is no client of its own: a proxy, or a program on this machine. */
  isExempt(address: string): boolean {
    return this.isTrusted(address) || contains(LOOPBACK, address);
  }

  /** An IP address, or `unknown`. */
  of({ headers, socket }: IncomingMessage): string {
    let client = plainAddress(socket.remoteAddress);
    if (!this.isTrusted(client)) return client;
    const forwarded = String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .slice(-HOPS_MAX);
    for (const hop of forwarded.toReversed()) {
      const address = withoutPort(hop.trim());
      if (isIP(address) === 0) break;
      client = plainAddress(address);
      if (!this.isTrusted(client)) break;
    }
    return client;
  }
}

/** Without the prefix of an IPv4 address in IPv6, and without a zone. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const [plain = ''] = address.replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1);
  return plain;
}

/** What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has. */
export function clientKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

function contains(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

function withoutPort(hop: string): string {
  return /^\[(.+)\](:\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}
