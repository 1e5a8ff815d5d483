/** The gateway as one object: everything between the TCP port and the run queue. */
import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LoggerService } from '@nestjs/common';
import type { AgentProfile } from '@switchboard/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, installDoorkeeper } from './accounts/doorkeeper.ts';
import type { Authenticator } from './accounts/doorkeeper.ts';
import { installAccessLog } from './access-log/access-log.ts';
import { requestIdOf } from './access-log/request-record.ts';
import { AppModule } from './app.module.ts';
import type { AppParts } from './app.module.ts';
import { ChatService } from './chat/chat.service.ts';
import { DocsPage } from './docs/docs-page.ts';
import { openApiDocument } from './docs/openapi.ts';
import type { Entrance } from './entrance/entrance.ts';
import { Exchanges } from './exchange/exchanges.ts';
import { Readiness } from './health/readiness.ts';
import { answerClientError } from './http-errors/client-error.ts';
import { HttpErrorFilter } from './http-errors/http-error.filter.ts';
import { RouteTable } from './http-errors/route-table.ts';
import { HttpGuard } from './http-guard/http-guard.ts';
import { acceptJsonBodies } from './http-guard/json-body.ts';
import { HTTP_GUARD_DEFAULTS } from './http-guard/options.ts';
import { OpenStreams } from './http-guard/open-streams.ts';
import type { HttpGuardOptions } from './http-guard/options.ts';
import { ModelCatalogue } from './models/model-catalogue.ts';
import type { FindPlace } from './exchange/queue-progress.ts';
import type { FleetSource } from './pool-view/fleet-source.ts';
import { PoolViewService } from './pool-view/pool-view.service.ts';
import type { PoolViewOptions } from './pool-view/pool-view.service.ts';
import { Admission } from './runs/admission.ts';
import { IdempotencyKeys } from './runs/idempotency.ts';
import { ResponsesService } from './responses/responses.service.ts';
import { RunRecords } from './runs/run-records.ts';
import type { Bucket } from './runs/run-records.ts';
import type { Runs } from './runs/runs.ts';

export interface GatewayLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface GatewayOptions {
  readonly runs: Runs;
  readonly buckets: { readonly responses: Bucket; readonly idempotency: Bucket };
  /** Stores the chat of a request that no message can carry. */
  readonly putInput: (run: string, data: Uint8Array) => Promise<void>;
  readonly deleteInput: (run: string) => Promise<void>;
  /** Removes a run's events and its input: no byte of them can be found afterwards. */
  readonly erase: (run: string) => Promise<void>;
  /** Whether the queue can take requests, answered at once. */
  readonly queueReady: () => boolean;
  /** What a person must put right before it can, if that is known. */
  readonly queueProblem?: () => string | undefined;
  /** What is known of workers and queues. */
  readonly fleet: FleetSource;
  /** Who may come in. */
  readonly accounts: Authenticator;
  /** What a new run has to pass. */
  readonly entrance: Entrance;
  /** Where a run that waits stands. Default: nobody knows. */
  readonly findPlace?: FindPlace;
  /** What somebody has in a pool, queued and running. */
  readonly ownUse?: PoolViewOptions['ownUse'] | undefined;
  /** The agents that callers can name now. */
  readonly profiles: () => readonly AgentProfile[];
  /** Of the file that they are from, for the access log. */
  readonly agentsVersion?: (() => string) | undefined;
  readonly version: string;
  readonly log: GatewayLog;
  readonly nestLog: LoggerService;
  readonly limits: GatewayLimits;
}

/** Milliseconds and bytes. */
export interface GatewayLimits {
  readonly bodyMaxBytes: number;
  /** Longest time for a whole request to arrive. */
  readonly bodyTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly statusHoldMs: number;
  /** How long a run that can be resumed waits for its reader to come back. */
  readonly resumeWindowMs: number;
  /** What strangers may do; the rest as {@link HTTP_GUARD_DEFAULTS}. */
  readonly http?: Partial<HttpGuardOptions>;
  /** Streams that one caller may read at once. Default {@link STREAMS_PER_USER_MAX}. */
  readonly maxStreamsPerUser?: number;
  /** Default {@link STARTED_HOLD_MS}. */
  readonly startedHoldMs?: number;
  /** Default {@link SLOW_READER_MS}. */
  readonly slowReaderMs?: number;
}

/**
 * How long the status line of a stream waits for the first part of the answer once its run has
 * started. Long enough for a provider to refuse, so that its 400 or 401 is a status and not an
 * event.
 */
export const STARTED_HOLD_MS = 1_000;
export const STREAMS_PER_USER_MAX = 1_024;
/** A client that takes nothing of what waits for it for this long is dropped. */
export const SLOW_READER_MS = 60_000;
/** Room for an agent's name in a path. */
const PARAM_MAX_LENGTH = 512;
/** How long {@link Gateway.close} waits for last bytes before it cuts the connections. */
const CLOSE_GRACE_MS = 1_000;

export class Gateway {
  readonly #app: NestFastifyApplication;
  readonly #exchanges: Exchanges;
  readonly #readiness: Readiness;
  readonly #pools: PoolViewService;
  readonly #routes: RouteTable;

  private constructor(
    app: NestFastifyApplication,
    exchanges: Exchanges,
    parts: AppParts,
    routes: RouteTable,
  ) {
    this.#app = app;
    this.#routes = routes;
    this.#exchanges = exchanges;
    this.#readiness = parts.readiness;
    this.#pools = parts.pools;
  }

  static async create(options: GatewayOptions): Promise<Gateway> {
    const { limits, log } = options;
    const readiness = new Readiness(options.queueReady, options.queueProblem);
    const exchanges = new Exchanges({
      slowReaderMs: limits.slowReaderMs ?? SLOW_READER_MS,
      log,
    });
    const routes = new RouteTable();
    const filter = new HttpErrorFilter({ routes, bodyMaxBytes: limits.bodyMaxBytes, log });
    const guard = new HttpGuard({
      ...HTTP_GUARD_DEFAULTS,
      ...limits.http,
      bodyTimeoutMs: limits.bodyTimeoutMs,
      onClientError: (error, socket) => answerClientError(error, socket, log),
    });
    const adapter = createAdapter(limits, filter, guard);
    const instance = adapter.getInstance();
    prepareRouter(instance, { routes, readiness, filter, guard, log });
    installDoorkeeper(instance, options.accounts, (error, request, reply) => {
      filter.answer(error, request, reply);
    });
    const parts = servicesOf(options, exchanges, readiness);
    const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(parts), adapter, {
      logger: options.nestLog,
      // Fastify's own parser of JSON is used; Nest's would add one for forms.
      bodyParser: false,
      abortOnError: false,
    });
    app.useGlobalFilters(filter);
    await app.init();
    return new Gateway(app, exchanges, parts, routes);
  }

  /** Listens and returns the port. Rejects with the system's error (EADDRINUSE). */
  async listen(port: number, host: string): Promise<number> {
    await this.#app.listen(port, host);
    const address: unknown = this.#app.getHttpServer().address();
    const isBound = typeof address === 'object' && address !== null && 'port' in address;
    return isBound ? Number(address.port) : port;
  }

  /** Every route of the router, as `GET /v1/models`. */
  get routes(): readonly string[] {
    return this.#routes.all;
  }

  /** Requests that are being answered now. */
  get open(): number {
    return this.#exchanges.open;
  }

  /**
   * Not ready any more; new requests are refused, and connections closed with their answer.
   */
  stopIntake(): void {
    this.#readiness.stop();
    this.#exchanges.stopIntake();
    this.#pools.stopIntake();
  }

  /** Resolves when the last open answer has ended. */
  drained(): Promise<void> {
    return this.#exchanges.drained();
  }

  /** Ends what is still open with the error `shutting_down`. */
  abort(): void {
    this.#exchanges.abort();
  }

  /** Stops listening; connections that are still busy after a moment are cut. */
  async close(): Promise<void> {
    const server = this.#app.getHttpServer();
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    try {
      await this.#app.close();
    } finally {
      clearTimeout(cut);
    }
  }
}

/** What the controllers are given. */
function servicesOf(options: GatewayOptions, exchanges: Exchanges, readiness: Readiness): AppParts {
  const { limits, profiles, runs } = options;
  const records = new RunRecords(options.buckets);
  const keys = new IdempotencyKeys(options.buckets.idempotency);
  const shared = {
    exchanges,
    entrance: options.entrance,
    openStreams: new OpenStreams(limits.maxStreamsPerUser ?? STREAMS_PER_USER_MAX),
    admission: new Admission({ ...options, records, keys }),
    profiles,
    agentsVersion: options.agentsVersion,
    resumeWindowMs: limits.resumeWindowMs,
    heartbeatIntervalMs: limits.heartbeatIntervalMs,
    findPlace: options.findPlace,
  };
  return {
    chat: new ChatService({
      ...shared,
      startedHoldMs: limits.startedHoldMs ?? STARTED_HOLD_MS,
      statusHoldMs: limits.statusHoldMs,
    }),
    responses: new ResponsesService({
      ...shared,
      runs,
      records,
      erase: options.erase,
      // What a caller without `previous_response_id` can send in one request.
      conversationMaxBytes: limits.bodyMaxBytes,
    }),
    readiness,
    pools: new PoolViewService({
      ...shared,
      fleet: options.fleet,
      viewerOf: (request) => {
        const { id, limits: own, scopes } = callerOf(request);
        return { account: id, scopes, maxOutstanding: own.outstanding };
      },
      ownUse: options.ownUse ?? (() => Promise.resolve(undefined)),
    }),
    models: new ModelCatalogue(profiles, Date.now()),
    docs: new DocsPage(openApiDocument(options.version)),
  };
}

function createAdapter(
  limits: GatewayLimits,
  filter: HttpErrorFilter,
  guard: HttpGuard,
): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: limits.bodyMaxBytes,
    serverFactory: (handler: RequestListener) => guard.createServer(handler),
    routerOptions: {
      maxParamLength: PARAM_MAX_LENGTH,
      // A base URL with a slash too many is the commonest mistake in a client's set-up.
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
    },
    genReqId: requestIdOf,
    // The guard's servers have their own; Fastify would add a second one.
    clientErrorHandler: () => undefined,
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      filter.answer(error, request, reply);
    },
    // No Nest middleware is used: without its plugin each request is one hook shorter.
    skipMiddie: true,
  });
}

function prepareRouter(
  instance: FastifyInstance,
  parts: {
    routes: RouteTable;
    readiness: Readiness;
    filter: HttpErrorFilter;
    guard: HttpGuard;
    log: GatewayLog;
  },
): void {
  const { routes, readiness, filter, guard, log } = parts;
  acceptJsonBodies(instance);
  instance.addHook('onRoute', ({ method, url }) => routes.add([method].flat(), url));
  installAccessLog(instance, guard.addresses, log);
  guard.install(instance, (error, request, reply) => filter.answer(error, request, reply));
  instance.addHook('onRequest', (_request, reply, done) => {
    // While a load balancer takes us out, connections end with an answer instead of in the middle.
    if (readiness.draining) reply.header('connection', 'close');
    done();
  });
}
