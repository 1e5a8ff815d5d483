import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** A TCP relay in front of nats-server whose connections a test can break. */
export class NatsRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  #accepted = 0;
  #down = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  static async to(natsPort: number): Promise<NatsRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    const relay = new NatsRelay(server, address.port);
    server.on('connection', (near) => {
      if (relay.#down) near.resetAndDestroy();
      else relay.#join(near, connect(natsPort, '127.0.0.1'));
    });
    return relay;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Connections taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resets every connection, and every new one until `mend`. */
  break(): void {
    this.#down = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.#down = false;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    this.#accepted += 1;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      // Else small messages wait for the acknowledgement of earlier ones.
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
