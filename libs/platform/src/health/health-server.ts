import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { healthReport, LIVE_BODY } from './health-report.ts';
import type { HealthChecks, HealthReport } from './health-report.ts';

interface HealthLog {
  warn(fields: object, message: string): void;
}

export interface HealthServerOptions {
  readonly host: string;
  /** 0: any free port; see {@link HealthServer.port}. */
  readonly port: number;
  /** Called on each `/readyz`. It answers at once from what is known: it never asks NATS. */
  readonly ready: () => HealthChecks;
  /** What a person must put right before it is ready, if that is known. */
  readonly problem?: () => string | undefined;
  readonly log: HealthLog;
}

export interface HealthServer {
  readonly port: number;
  /** Stops listening and cuts open connections. Idempotent. */
  close(): Promise<void>;
}

/** A probe that takes longer than this to send its request is cut (ms). */
const REQUEST_TIMEOUT_MS = 5_000;
/** Probes come one at a time; more connections than this are refused. */
const CONNECTIONS_MAX = 64;

/**
 * Serves `/livez` and `/readyz` for a process that has no HTTP server of its own. Rejects with the
 * system's error (EADDRINUSE) when it cannot listen.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, response, options);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : options.port;
  let closed: Promise<void> | undefined;
  return {
    port,
    close() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthServerOptions,
): void {
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, { status: 'method_not_allowed' });
  } else if (path === '/livez') {
    send(response, 200, LIVE_BODY);
  } else if (path === '/readyz') {
    const report = reportOf(options);
    send(response, report.status, report.body);
  } else {
    send(response, 404, { status: 'not_found' });
  }
}

function reportOf({ problem, ready, log }: HealthServerOptions): HealthReport {
  try {
    return healthReport(ready(), problem?.());
  } catch (error) {
    log.warn({ err: error }, 'a readiness check threw');
    return healthReport({ check: false });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
