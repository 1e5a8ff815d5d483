import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP relay in front of nats-server that fails as networks do. Four ways to fail:
 * - `cut`: like a cable that is cut. Connections stay open and fall silent, until `mend`.
 * - `hold`: like a reader whose event loop is blocked. What NATS sends waits, until `release`.
 * - `break`: like a crash of the other side. Connections are reset; new ones pass.
 * - `unplug`: like a server that is gone. Connections are reset, and new ones too, until `mend`.
 */
export class Cable {
  readonly #server: Server;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  /** The ends that NATS sends to; they are in `#sockets` too. */
  readonly #far = new Set<Socket>();
  #accepted = 0;
  #cut = false;
  #held = false;
  #unplugged = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  /** A cable to a port of 127.0.0.1, which need not be open yet. */
  static async to(natsPort: number): Promise<Cable> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the cable has no port');
    const cable = new Cable(server, address.port);
    server.on('connection', (near) => cable.#accept(near, natsPort));
    return cable;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Connections that were let through so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Nothing passes any more, in either direction, and nobody is told. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What NATS sends waits. */
  hold(): void {
    this.#held = true;
    for (const far of this.#far) far.pause();
  }

  /** What waited comes. */
  release(): void {
    this.#held = false;
    for (const far of this.#far) far.resume();
  }

  /** Resets every connection at once; new ones pass. */
  break(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Resets every connection, and every new one. */
  unplug(): void {
    this.#unplugged = true;
    this.break();
  }

  /** What was cut is dead; new connections pass. */
  mend(): void {
    this.#cut = false;
    this.#unplugged = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes every connection and takes no new ones. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accept(near: Socket, natsPort: number): void {
    if (this.#cut) {
      near.destroy();
      return;
    }
    if (this.#unplugged) {
      near.resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    const far = connect(natsPort, '127.0.0.1');
    this.#far.add(far);
    far.once('close', () => this.#far.delete(far));
    this.#pass(near, far);
    this.#pass(far, near);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    // Else small messages wait for the acknowledgement of earlier ones.
    from.setNoDelay(true);
    from.on('data', (data) => {
      if (to.write(data)) return;
      // A slow reader must be as slow for the sender as it is without the cable.
      from.pause();
      to.once('drain', () => this.#resume(from));
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      this.#sockets.delete(from);
      // A cut cable tells nobody, also not that the other side has gone.
      if (!this.#cut) to.destroy();
    });
  }

  #resume(from: Socket): void {
    if (this.#cut || (this.#held && this.#far.has(from))) return;
    from.resume();
  }
}
