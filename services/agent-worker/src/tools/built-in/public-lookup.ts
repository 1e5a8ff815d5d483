/** Looking up a name for a connection, which is then made to an address that was checked. */
import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** All addresses of a name. */
export type Lookup = (host: string) => Promise<readonly LookupAddress[]>;

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
): LookupFunction {
  const addressesOf = async (host: string): Promise<readonly LookupAddress[]> => {
    const addresses = await lookup(host);
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

/** As the system knows it. */
export function lookUp(host: string): Promise<readonly LookupAddress[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly LookupAddress[]>();
  systemLookup(host, { all: true, verbatim: true }, (error, addresses) => {
    if (error === null) resolve(addresses);
    else reject(error);
  });
  return promise;
}
