/** Connections that send a request drop by drop, and come again when they are closed. */
import { connect, type Socket } from 'node:net';

/** Of which part of its request a connection sends only one byte at a time. */
const PARTS = ['headers', 'body'] as const;
type Part = (typeof PARTS)[number];

const HEAD =
  'POST /v1/chat/completions HTTP/1.1\r\nhost: drill\r\ncontent-type: application/json\r\n';
const DRIP_MS = 1_000;
/** Longer than any server waits. */
const BODY_BYTES = 100_000;

export class SlowConnections {
  readonly #port: number;
  readonly #host: string;
  readonly #sockets = new Map<Socket, Part>();
  readonly #timers: NodeJS.Timeout[] = [];
  #connected = 0;
  #isOver = false;

  private constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Half of them drip their headers, half their body. Resolves when all are connected. */
  static async open(url: string, count: number): Promise<SlowConnections> {
    const slow = new SlowConnections(url);
    const opened = Array.from({ length: count }, (_, index) => {
      return slow.#open(PARTS[index % PARTS.length] ?? 'body');
    });
    await Promise.all(opened);
    // Spread over the second, so that not all of them come in one turn of the server's loop.
    for (let step = 0; step < 10; step++) {
      const timer = setTimeout(() => {
        slow.#timers.push(setInterval(() => slow.#drip(step), DRIP_MS));
      }, step * 100);
      slow.#timers.push(timer);
    }
    return slow;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Connections made so far, those that took the place of closed ones too. */
  get connected(): number {
    return this.#connected;
  }

  close(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async #open(part: Part): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(this.#port, this.#host);
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.once('connect', () => {
      this.#connected += 1;
      this.#sockets.set(socket, part);
      socket.write(part === 'body' ? `${HEAD}content-length: ${BODY_BYTES}\r\n\r\n{"` : HEAD);
      resolve();
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      resolve();
      // A moment later: one that cannot connect must not try in a loop without a pause.
      if (!this.#isOver) this.#timers.push(setTimeout(() => void this.#open(part), 100));
    });
    await promise;
  }

  #drip(step: number): void {
    let index = 0;
    for (const [socket, part] of this.#sockets) {
      index += 1;
      if (index % 10 === step && socket.writable) socket.write(part === 'body' ? 'x' : 'x-');
    }
  }
}
