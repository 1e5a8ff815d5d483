import { createServer } from 'node:net';

/**
 * Below the range that systems take client ports from. A port from that range can be lost to some
 * client's connection while its server is down, and a restart would then fail.
 */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 50;

/** A port that nobody listens on now and that no client connection will take. */
export async function findStablePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (await isPortFree(port, '127.0.0.1')) return port;
  }
  throw new Error(`no free port found between ${PORT_MIN} and ${PORT_MAX}`);
}

/** False when somebody listens on the port. Other problems are for the server itself to report. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
