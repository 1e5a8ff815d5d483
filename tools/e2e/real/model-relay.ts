import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';

/** Between workers and an endpoint of others: passes everything on, and counts. */
export class ModelRelay implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: string;
  #running = 0;
  /** Calls that came so far. */
  started = 0;
  /** Most calls that ran at once. */
  mostRunning = 0;
  /** Calls whose caller closed the connection before the answer was whole. */
  aborted = 0;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
  }

  /** `target` is the endpoint, ending in `/v1`. */
  static async to(target: string): Promise<ModelRelay> {
    const server = createServer();
    const relay = new ModelRelay(server, target);
    server.on('request', (incoming, outgoing) => relay.#pass(incoming, outgoing));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  /** What OPENAI_BASE_URL is set to. */
  get baseUrl(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return `http://127.0.0.1:${address.port}/v1`;
  }

  get running(): number {
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.started += 1;
    this.#running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.#running);
    const url = new URL(this.#target + (incoming.url ?? '').replace(/^\/v1/, ''));
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    // A connection of its own, so that closing it tells the endpoint that this caller left.
    const call = send(url, { method: incoming.method, headers, agent: false });
    call.on('response', (answer) => {
      const { connection: _ofTheirs, ...shown } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, shown);
      pipeline(answer, outgoing, ignore);
    });
    call.on('error', () => outgoing.destroy());
    outgoing.once('close', () => {
      this.#running -= 1;
      if (!outgoing.writableFinished) this.aborted += 1;
      call.destroy();
    });
    pipeline(incoming, call, ignore);
  }
}

function ignore(): void {
  // Whichever side breaks off, `close` of the answer tells.
}
