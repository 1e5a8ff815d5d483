import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from './caller.ts';
import { requireScope } from './caller.ts';
import { soleAuthorization } from './credentials.ts';

/** What is asked who comes; `Accounts` fits. */
export interface Authenticator {
  /** Whether keys are asked for. */
  readonly configured: boolean;
  /** @throws SwitchboardError `missing_api_key`, `invalid_api_key` or `auth_unavailable` */
  authenticate(authorization: string | undefined): Promise<Caller>;
}

/** What anybody may see: whether the process lives, and how the API is used. */
const OPEN_ROUTES = /^\/(livez|readyz|docs(\/.*)?)$/;

const callers = new WeakMap<IncomingMessage, Caller>();

/**
 * Lets nobody in without a key, before a byte of the body is read. What is not named in
 * {@link OPEN_ROUTES} is closed: a new route, and a path that does not exist.
 */
export function installDoorkeeper(
  instance: FastifyInstance,
  accounts: Authenticator,
  refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
): void {
  instance.addHook('onRequest', async (request, reply) => {
    const route = request.is404 ? '' : (request.routeOptions.url ?? '');
    if (OPEN_ROUTES.test(route)) return;
    try {
      await enter(accounts, request);
    } catch (error) {
      // Answered here: the body of somebody unknown is not waited for.
      refuse(error, request, reply);
    }
  });
}

/** Who sent the request. @throws Error on a route that is open to everybody */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request.raw);
  if (caller === undefined) throw new Error('nobody was asked who sent this');
  return caller;
}

/** Whose open streams are counted together: without keys, those who send the same one. */
export function streamerOf(request: FastifyRequest): string {
  const { id, owner } = callerOf(request);
  return id === 'local' ? owner : id;
}

async function enter(accounts: Authenticator, { headers, raw }: FastifyRequest): Promise<void> {
  // Without keys any header will do, as it does for the SDKs, which always send one.
  const authorization = accounts.configured
    ? soleAuthorization(raw.rawHeaders)
    : headers.authorization;
  const caller = await accounts.authenticate(authorization);
  requireScope(caller, 'api');
  callers.set(raw, caller);
}
