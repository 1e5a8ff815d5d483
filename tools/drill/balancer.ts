/** One address in front of several gateways, like the load balancer that clients really see. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Balancer {
  readonly #server: Server;
  readonly #ports: readonly number[];
  readonly #sockets = new Set<Socket>();
  #next = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
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
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket, tries = this.#ports.length): void {
    this.#watch(client);
    this.#next = (this.#next + 1) % this.#ports.length;
    const port = this.#ports[this.#next] ?? 0;
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

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    // What matters of an error is that the socket closes.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
