import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SwitchboardError } from '@switchboard/contract';
import { clientKey, plainAddress } from './client-address.ts';
import type { ClientAddresses } from './client-address.ts';

/** Connections beyond the bound that are told so; still more are closed without a word. */
const REFUSED_MAX = 128;
/** How long a refused connection has to send a request and read why, in milliseconds. */
const REFUSED_MS = 2_000;

export interface ConnectionsOptions {
  readonly max: number;
  readonly maxPerAddress: number;
  readonly addresses: ClientAddresses;
}

/**
 * How many connections there may be, of all and of one address.
 *
 * I1  There are never more than `max` and a fixed reserve for those that are refused.
 * I2  Whoever only holds connections open keeps nobody out: while the bound is reached, each new
 *     connection takes the place of the oldest that has not yet sent the head of a request.
 * I3  A connection that is refused is told so when it asks, and is gone after a moment.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Socket>();
  readonly #silent = new Set<Socket>();
  readonly #refused = new WeakMap<Socket, SwitchboardError>();
  readonly #perClient = new Map<string, number>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Connections that count. */
  get open(): number {
    return this.#open.size;
  }

  /** Addresses that hold something now. */
  get clients(): number {
    return this.#perClient.size;
  }

  watch(server: Server): void {
    server.maxConnections = this.#options.max + REFUSED_MAX;
    // Before Node's own listener, which reads.
    server.prependListener('connection', (socket: Socket) => this.#admit(socket));
  }

  /** The head of a request is there. @returns why its connection is refused, if it is */
  heard(socket: Socket): SwitchboardError | undefined {
    this.#silent.delete(socket);
    return this.#refused.get(socket);
  }

  /**
   * Counts something that a client holds.
   *
   * @returns gives it back, once; undefined when the client has too many
   */
  take(address: string): (() => void) | undefined {
    const key = clientKey(address);
    const count = this.#perClient.get(key) ?? 0;
    if (count >= this.#options.maxPerAddress) return undefined;
    this.#perClient.set(key, count + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#perClient.get(key) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(key);
      else this.#perClient.set(key, left);
    };
  }

  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    if (!this.#options.addresses.isExempt(address)) {
      const giveBack = this.take(address);
      if (giveBack === undefined) {
        this.#refuse(socket, tooManyConnections());
        return;
      }
      socket.once('close', giveBack);
    }
    if (this.#open.size >= this.#options.max && !this.#makeRoom()) {
      const message = 'This gateway has as many connections as it can hold: try again.';
      this.#refuse(socket, new SwitchboardError('too_many_connections', message));
      return;
    }
    this.#open.add(socket);
    this.#silent.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#silent.delete(socket);
    });
  }

  #makeRoom(): boolean {
    const [oldest] = this.#silent;
    if (oldest === undefined) return false;
    this.#silent.delete(oldest);
    this.#open.delete(oldest);
    oldest.destroy();
    return true;
  }

  #refuse(socket: Socket, error: SwitchboardError): void {
    this.#refused.set(socket, error);
    const late = setTimeout(() => socket.destroySoon(), REFUSED_MS);
    socket.once('close', () => clearTimeout(late));
  }
}

export function tooManyConnections(): SwitchboardError {
  const message =
    'Your address has too many connections to this gateway. A proxy in front of it belongs into ' +
    'TRUSTED_PROXIES.';
  return new SwitchboardError('too_many_connections', message);
}
