/**
 * One NATS connection that is always being kept: it connects in the background, also when NATS is
 * away at the start, and reconnects for ever.
 *
 * What is published while disconnected is lost without a word (nats.js clears its outbound buffer
 * on reconnect), so everything here looks at {@link NatsLink.connected} before it publishes, and
 * whoever needs more listens to `onUp` and says it again.
 */
import {
  connect,
  type ConnectionOptions,
  createInbox,
  type NatsConnection,
  type Status,
} from '@nats-io/transport-node';
import { SwitchboardError, toError } from '@switchboard/contract';
import { LinkFaults, REFUSED_CREDENTIALS } from './link-faults.ts';
import type { TransportLog } from './log.ts';

export interface LinkOptions {
  /** Comma-separated `nats://host:port` addresses. */
  readonly servers: string;
  /** Shown in NATS's own monitoring. */
  readonly name: string;
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  readonly token?: string | undefined;
  /** Where answers come back, if its user may hear only a part of all: see `inboxPrefix`. */
  readonly inboxPrefix?: string | undefined;
  readonly log: TransportLog;
}

/** Called with the connection each time it comes up; `down` each time it is lost. */
export interface LinkListener {
  up?(connection: NatsConnection): void;
  down?(): void;
}

/** A time without a connection, between two with one. */
export interface Away {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Longest wait for the last bytes to go out, and for the connection to close. */
const CLOSE_STEP_MS = 2_000;
/** A dead peer is noticed after two unanswered pings: 6 to 9 s. */
const PING_INTERVAL_MS = 3_000;
const RETRY_MS = 200;

export class NatsLink {
  readonly #options: LinkOptions;
  readonly #listeners = new Set<LinkListener>();
  readonly #closing = new AbortController();
  readonly #faults: LinkFaults;
  readonly #loop: Promise<void>;
  #connection: NatsConnection | undefined;
  #connected = false;
  #wentAtMs: number | undefined;
  #away: Away | undefined;
  #epoch = 0;
  #maxPayload = 0;

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.#faults = new LinkFaults(options.log, RETRY_MS);
    this.#loop = this.#keep();
  }

  /** Returns at once; the connection comes up in the background. */
  static open(options: LinkOptions): NatsLink {
    return new NatsLink(options);
  }

  get connected(): boolean {
    // One that drains throws whatever is published.
    return this.#connected && !this.#closing.signal.aborted;
  }

  /** What a person must put right before it can connect; undefined: nothing that is known. */
  get problem(): string | undefined {
    return this.#faults.credentialsRefused ? REFUSED_CREDENTIALS : undefined;
  }

  /** A fresh subject for answers, which nobody else may hear. */
  newInbox(): string {
    return createInbox(this.#options.inboxPrefix);
  }

  /** Counts the times the connection came up: what was sent in an earlier epoch may be lost. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The last time that this connection was lost and came back, by `performance.now()`. */
  get lastAway(): Away | undefined {
    return this.#away;
  }

  /** The server's `max_payload` in bytes; 0 while never connected. */
  get maxPayload(): number {
    return this.#maxPayload;
  }

  /** Whether the server is one of several: streams then have leaders, which change. */
  get clustered(): boolean {
    return this.#connection?.info?.cluster !== undefined;
  }

  /** The live connection. @throws SwitchboardError `queue_unavailable` while disconnected. */
  get connection(): NatsConnection {
    if (this.#connection === undefined || !this.#connected) {
      throw new SwitchboardError('queue_unavailable', 'The request queue cannot be reached.');
    }
    return this.#connection;
  }

  /** Adds a listener; its `up` is called at once when connected. Returns the removal. */
  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    if (this.#connection !== undefined && this.#connected) listener.up?.(this.#connection);
    return () => this.#listeners.delete(listener);
  }

  /** Flushes what was published, closes, and stays closed; at most 4 s. Never throws. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#connected) await atMost(CLOSE_STEP_MS, this.#connection?.drain());
    // A connection that broke unnoticed may never say that it is closed.
    await atMost(CLOSE_STEP_MS, this.#connection?.close().then(() => this.#loop) ?? this.#loop);
  }

  async #keep(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const connection = await connect(this.#connectOptions());
        if (this.#closing.signal.aborted) {
          await connection.close();
          return;
        }
        this.#up(connection);
        await this.#watch(connection);
      } catch (error) {
        // The first try: nats.js's own retry could not be aborted, and hides why it fails.
        this.#faults.connecting(toError(error));
        await abortableSleep(this.#faults.delayMs, this.#closing.signal);
      }
      this.#down();
    }
  }

  #connectOptions(): ConnectionOptions {
    const { servers, name, user, pass, token, inboxPrefix } = this.#options;
    return {
      servers: servers.split(',').map((server) => server.trim()),
      name,
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(token === undefined ? {} : { token }),
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => this.#faults.delayMs,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      timeout: 5_000,
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
    };
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) this.#onStatus(connection, status);
    await connection.closed();
  }

  #onStatus(connection: NatsConnection, status: Status): void {
    const { log } = this.#options;
    if (status.type === 'disconnect' || status.type === 'staleConnection') {
      if (this.#connected) log.warn({ server: connection.getServer() }, 'NATS connection lost');
      this.#down();
    } else if (status.type === 'reconnect') {
      this.#up(connection);
    } else if (status.type === 'error') {
      this.#faults.connected(status.error);
    }
  }

  #up(connection: NatsConnection): void {
    this.#connection = connection;
    this.#connected = true;
    if (this.#wentAtMs !== undefined) {
      this.#away = { fromMs: this.#wentAtMs, toMs: performance.now() };
    }
    this.#faults.clear();
    this.#epoch += 1;
    this.#maxPayload = connection.info?.max_payload ?? 0;
    this.#options.log.info({ server: connection.getServer() }, 'NATS connected');
    for (const listener of this.#listeners) listener.up?.(connection);
  }

  #down(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#wentAtMs = performance.now();
    for (const listener of this.#listeners) listener.down?.();
  }
}

/** Never throws: what fails while closing has nothing left to lose. */
async function atMost(ms: number, done: Promise<unknown> | undefined): Promise<void> {
  const over = new AbortController();
  await Promise.race([done?.catch(() => undefined), abortableSleep(ms, over.signal)]);
  over.abort();
}

/** Sleeps, or returns early when `signal` aborts. Never rejects. */
export function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
