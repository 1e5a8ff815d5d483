/** Between strangers and the routes: the server itself, and the first look at a request. */
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SwitchboardError } from '@switchboard/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClientAddresses, plainAddress } from './client-address.ts';
import { Connections, tooManyConnections } from './connections.ts';
import { Cors } from './cors.ts';
import type { HttpGuardOptions } from './options.ts';
import { HEAD_MAX_BYTES, headError } from './request-head.ts';
import { setSecurityHeaders } from './security-headers.ts';

/** Above the idle time of common load balancers, so that they close a connection before we do. */
const KEEP_ALIVE_MS = 65_000;
/** How often Node looks for requests that are too slow. */
const CONNECTIONS_CHECK_MS = 1_000;

export interface HttpServerOptions extends HttpGuardOptions {
  /** Longest time for a whole request to arrive, in milliseconds. */
  readonly bodyTimeoutMs: number;
  /** Default {@link KEEP_ALIVE_MS}. */
  readonly keepAliveMs?: number;
  /** Answers what Node refuses before there is a request. */
  readonly onClientError: (error: Error, socket: Socket) => void;
}

export class HttpGuard {
  readonly addresses: ClientAddresses;
  readonly connections: Connections;
  readonly #cors: Cors;
  readonly #options: HttpServerOptions;

  constructor(options: HttpServerOptions) {
    const { corsOrigins, maxConnections, maxConnectionsPerAddress, trustedProxies } = options;
    this.addresses = new ClientAddresses(trustedProxies);
    this.connections = new Connections({
      max: maxConnections,
      maxPerAddress: maxConnectionsPerAddress,
      addresses: this.addresses,
    });
    this.#cors = new Cors(corsOrigins);
    this.#options = options;
  }

  /** One for each address to listen on: `localhost` has two. */
  createServer(handler: RequestListener): Server {
    const { bodyTimeoutMs, headersTimeoutMs, keepAliveMs, onClientError } = this.#options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      setSecurityHeaders(response);
      handler(request, response);
    };
    const server = createServer(
      {
        headersTimeout: Math.min(headersTimeoutMs, bodyTimeoutMs),
        requestTimeout: bodyTimeoutMs,
        keepAliveTimeout: keepAliveMs ?? KEEP_ALIVE_MS,
        connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
        maxHeaderSize: HEAD_MAX_BYTES,
        // Neither bare line feeds nor two lengths nor folded headers: what one server reads as one
        // request must not be two for another.
        insecureHTTPParser: false,
        // Answered here, in the shape of all errors.
        requireHostHeader: false,
      },
      listener,
    );
    // An expectation that nobody knows may be ignored; Node's own answer would have no body.
    server.on('checkExpectation', listener);
    this.connections.watch(server);
    server.on('clientError', (error, socket) => onClientError(error, socket as Socket));
    return server;
  }

  /** Refuses what must not go on; call it before every other hook that could. */
  install(
    instance: FastifyInstance,
    refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
  ): void {
    instance.addHook('onRequest', (request, reply, done) => {
      const { raw } = request;
      const error = this.connections.heard(raw.socket);
      if (error !== undefined) reply.raw.setHeader('connection', 'close');
      const problem = error ?? headError(raw) ?? this.#crowd(raw, reply.raw);
      if (problem !== undefined) refuse(problem, request, reply);
      else if (this.#cors.answer(raw, reply.raw)) void reply.code(204).send();
      else done();
    });
  }

  /** Clients behind a proxy share its connections, so their requests are counted. */
  #crowd(raw: IncomingMessage, response: ServerResponse): SwitchboardError | undefined {
    const peer = plainAddress(raw.socket.remoteAddress);
    if (!this.addresses.isTrusted(peer)) return undefined;
    const client = this.addresses.of(raw);
    if (client === peer) return undefined;
    const giveBack = this.connections.take(client);
    if (giveBack === undefined) return tooManyConnections();
    response.once('close', giveBack);
    return undefined;
  }
}
