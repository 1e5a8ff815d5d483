import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { until } from '@switchboard/testkit';

import type { ChatBody } from './chat.ts';

const TIMEOUT_MS = 30_000;

/** One TCP connection to a gateway, so that a test decides what is sent and when it is closed. */
export class RawClient {
  readonly #socket: Socket;
  /** Everything that came back so far. */
  received = '';
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    // Whoever closes first, `closed` tells; a reset is no failure of the test.
    socket.on('error', () => undefined);
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname).setNoDelay(true);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connects and sends a chat, whole. */
  static async chat(url: string, body: ChatBody, requestId: string): Promise<RawClient> {
    const client = await RawClient.open(url);
    const json = JSON.stringify(body);
    client.write(chatHead(Buffer.byteLength(json), requestId) + json);
    return client;
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Resolves when the text has been handed to the system: one call, one packet. */
  async writePacket(text: string): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(text, () => resolve()));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Waits until what came back matches. */
  async until(pattern: RegExp): Promise<void> {
    const what = `${String(pattern)} from the gateway`;
    await until(() => pattern.test(this.received), { what, timeoutMs: TIMEOUT_MS });
  }

  /** Closes the connection and returns when: epoch milliseconds, with fractions. */
  leave(): number {
    this.#socket.destroy();
    return performance.timeOrigin + performance.now();
  }

  /** The status of the first answer; NaN before it has come. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.received)?.[1]);
  }

  /** Its body, if that is not sent in chunks. */
  get body(): string {
    return this.received.slice(this.received.indexOf('\r\n\r\n') + 4);
  }
}

/** The head of a chat request up to its body. */
export function chatHead(bodyBytes: number, requestId: string): string {
  return [
    'POST /v1/chat/completions HTTP/1.1',
    'host: gateway',
    'content-type: application/json',
    `content-length: ${bodyBytes}`,
    `x-request-id: ${requestId}`,
    '\r\n',
  ].join('\r\n');
}
