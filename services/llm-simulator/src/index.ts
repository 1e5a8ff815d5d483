import { once } from 'node:events';

import { createSimulatorServer, type SimulatorLog } from './server.ts';

export type { Outcome, RunCounts, RunRecord } from './run-log.ts';
export type { SimulatorLog } from './server.ts';
export type { SimulatorStats } from './stats.ts';

export interface SimulatorOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Without it nothing is logged. */
  readonly log?: SimulatorLog;
}

export interface RunningSimulator {
  readonly port: number;
  /** Without a path, such as `http://127.0.0.1:40123`. The API's base URL is `<url>/v1`. */
  readonly url: string;
  /** Stops listening and destroys every open connection. The same promise each time. */
  close(): Promise<void>;
}

/** Thousands of clients may connect in one go. The kernel may allow fewer. */
const BACKLOG = 4_096;
const SILENT: SimulatorLog = { error: () => undefined };

/**
 * Starts a simulator in this process.
 * @throws what `listen` fails with, such as EADDRINUSE.
 */
export async function startSimulator(options: SimulatorOptions): Promise<RunningSimulator> {
  const { host, log = SILENT } = options;
  const server = createSimulatorServer(log);
  server.listen({ host, port: options.port, backlog: BACKLOG });
  await once(server, 'listening');
  server.on('error', (error) => log.error({ err: error }, 'the server failed'));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  let closed: Promise<void> | undefined;
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}
