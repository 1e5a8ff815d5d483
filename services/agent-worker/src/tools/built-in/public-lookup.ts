/** Looking up a name for a connection, which is then made to an address that was checked. */
import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';

/** All addresses of a name. Nobody waits for them any more when the signal aborts. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly LookupAddress[]>;

export interface NameLookupOptions {
  /** For tests; the system's otherwise. */
  readonly servers?: readonly string[];
  /** Each name server is asked once, and the next one when it has said nothing for so long. */
  readonly serverTimeoutMs?: number;
  /** For all of them together. */
  readonly timeoutMs?: number;
}

const SERVER_TIMEOUT_MS = 2_000;
const LOOKUP_TIMEOUT_MS = 5_000;

class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** Whether a connection was not made because of its address. */
export function isRefusal(thrown: unknown): boolean {
  const { cause, errors = [] } = thrown as { cause?: unknown; errors?: readonly unknown[] };
  return (
    thrown instanceof AddressRefused ||
    [cause, ...errors].some((one) => one instanceof AddressRefused)
  );
}

/** The sockets' lookup: one address that is not public spoils the name. */
export function publicLookup(
  lookup: Lookup,
  isPublic: (address: string) => boolean,
  signal: AbortSignal,
): LookupFunction {
  const addressesOf = async (host: string): Promise<readonly LookupAddress[]> => {
    const addresses = await lookup(host, signal);
    if (addresses.length > 0 && addresses.every(({ address }) => isPublic(address))) {
      return addresses;
    }
    throw new AddressRefused('not a public address');
  };
  const answer = async (
    ...[host, options, callback]: Parameters<LookupFunction>
  ): Promise<void> => {
    let addresses: readonly LookupAddress[];
    try {
      addresses = await addressesOf(host);
    } catch (thrown) {
      return callback(thrown as NodeJS.ErrnoException, '', 0);
    }
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
  return (...lookedUp) => void answer(...lookedUp);
}

/**
 * Asks the name servers of the system, and them alone. The system's own lookup holds one of the few
 * threads that all lookups of the worker share, and cannot be given up: a handful of names whose
 * server is silent would keep it from its providers, from NATS and from its MCP servers.
 */
export function nameLookup(options: NameLookupOptions = {}): Lookup {
  const { servers, serverTimeoutMs = SERVER_TIMEOUT_MS, timeoutMs = LOOKUP_TIMEOUT_MS } = options;
  return async (host, signal) => {
    signal.throwIfAborted();
    // One for each lookup: what is cancelled is all that it was asked.
    const resolver = new Resolver({ timeout: serverTimeoutMs, tries: 1 });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    const timer = setTimeout(cancel, timeoutMs);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const [four, six] = await Promise.allSettled([
        resolver.resolve4(host),
        resolver.resolve6(host),
      ]);
      // Many names have addresses of one family only.
      if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
      return [...addressesIn(four, 4), ...addressesIn(six, 6)];
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  };
}

function addressesIn(
  outcome: PromiseSettledResult<readonly string[]>,
  family: 4 | 6,
): readonly LookupAddress[] {
  if (outcome.status === 'rejected') return [];
  return outcome.value.map((address) => ({ address, family }));
}
