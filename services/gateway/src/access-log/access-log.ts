import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ClientAddresses } from '../http-guard/client-address.ts';
import { keepRecord, processingMs } from './request-record.ts';
import type { RequestRecord } from './request-record.ts';

interface AccessLog {
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** Probes come every few seconds and say nothing new. */
const QUIET_ROUTES = new Set(['/livez', '/readyz']);

/** What the log calls a status that was never sent: the client had left. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * One log line a request, when it is over, however it ended: request id, client, route, status,
 * times and outcome. No prompts, keys, paths or query strings.
 */
export function installAccessLog(
  instance: FastifyInstance,
  addresses: Pick<ClientAddresses, 'of'>,
  log: AccessLog,
): void {
  instance.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const record: RequestRecord = {
      requestId: request.id,
      startedAtMs: performance.now(),
      method: request.method,
      client: addresses.of(raw),
      route: request.is404 ? 'none' : (request.routeOptions.url ?? 'none'),
    };
    const response = reply.raw;
    keepRecord(raw, response, record);
    reply.header('x-request-id', request.id);
    // A write that meets a closed connection: `close` tells the same, and is handled.
    response.on('error', () => undefined);
    // Never the request's own `close`: it comes as soon as the body has been read. That of a
    // response comes in every case, also for pipelined requests that still wait for their turn.
    response.once('close', () => {
      if (!response.writableEnded) record.outcome ??= 'client_gone';
      record.onClosed?.();
      writeLine(log, record, response);
    });
    done();
  });
}

function writeLine(log: AccessLog, record: RequestRecord, response: ServerResponse): void {
  const { requestId, run, client, method, route, queueWaitMs, outcome = 'ok' } = record;
  const { agentsVersion } = record;
  const status =
    record.status ?? (outcome === 'client_gone' ? CLIENT_CLOSED_REQUEST : response.statusCode);
  const durationMs = processingMs(record);
  const times = { durationMs, queueWaitMs };
  const fields = {
    requestId,
    run,
    client,
    method,
    route,
    status,
    ...times,
    agentsVersion,
    outcome,
  };
  if (QUIET_ROUTES.has(route)) log.debug(fields, 'request');
  else log.info(fields, 'request');
}
