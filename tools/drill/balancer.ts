/**
 * One address in front of several gateways, like the load balancer that clients really see: it asks
 * for `/readyz`, and sends new connections to those that say yes.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const LOOK_EVERY_MS = 100;
const LOOK_TIMEOUT_MS = 1_000;

export class Balancer {
  readonly #server: Server;
  readonly #ports: readonly number[];
  readonly #sockets = new Set<Socket>();
  readonly #unready = new Set<number>();
  readonly #looking: NodeJS.Timeout;
  #next = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
    this.#looking = setInterval(() => {
      for (const port of ports) void this.#look(port);
    }, LOOK_EVERY_MS);
  }

  /** Listens on a free port of 127.0.0.1; each connection goes to the next port that answers. */
  static async to(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    clearInterval(this.#looking);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket, tries = this.#ports.length): void {
    this.#watch(client);
    const port = this.#pick();
    const backend = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.#watch(backend);
    let connected = false;
    backend.once('connect', () => {
      connected = true;
      client.pipe(backend).pipe(client);
    });
    backend.once('close', () => {
      if (!connected && tries > 1) this.#serve(client, tries - 1);
      else client.destroy();
    });
    client.once('close', () => backend.destroy());
  }

  /** The next one that is ready; when none is, the next one. */
  #pick(): number {
    const { length } = this.#ports;
    const turns = Array.from({ length }, (_, index) => (this.#next + 1 + index) % length);
    const isReady = (turn: number): boolean => !this.#unready.has(this.#ports[turn] ?? 0);
    this.#next = turns.find(isReady) ?? turns[0] ?? 0;
    return this.#ports[this.#next] ?? 0;
  }

  async #look(port: number): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
    const request = { headers: { connection: 'close' }, signal };
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, request).catch(() => undefined);
    await answer?.body?.cancel().catch(() => undefined);
    if (answer?.ok === true) this.#unready.delete(port);
    else this.#unready.add(port);
  }

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    // What matters of an error is that the socket closes.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
