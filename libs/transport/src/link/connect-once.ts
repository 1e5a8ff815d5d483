import { SwitchboardError, toError } from '@switchboard/contract';
import { type LinkOptions, NatsLink } from './nats-link.ts';

/**
 * A connection for a command: unlike a service it does not wait for a NATS that is away.
 * @throws SwitchboardError `queue_unavailable` that says why, at the first failure.
 */
export async function connectOnce(
  options: Omit<LinkOptions, 'log'>,
  timeoutMs = 10_000,
): Promise<NatsLink> {
  const up = Promise.withResolvers<void>();
  const ignore = (): void => undefined;
  const fail = (fields: object): void => {
    if ('reason' in fields) up.reject(new Error(String(fields.reason)));
  };
  const log = { debug: ignore, info: ignore, warn: fail, error: fail };
  const link = NatsLink.open({ ...options, log });
  const forget = link.listen({ up: () => up.resolve() });
  const late = setTimeout(() => up.reject(new Error('no answer')), timeoutMs);
  try {
    await up.promise;
    return link;
  } catch (error) {
    await link.close();
    throw new SwitchboardError(
      'queue_unavailable',
      `NATS cannot be reached at ${hostsOf(options.servers)}: ${toError(error).message}`,
      { cause: error },
    );
  } finally {
    clearTimeout(late);
    forget();
  }
}

/** The addresses without what may stand in front of them: user and password. */
function hostsOf(servers: string): string {
  const hosts = servers.split(',').map((server) => URL.parse(server.trim())?.host ?? 'no address');
  return hosts.join(', ');
}
