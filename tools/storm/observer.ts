/** What NATS itself knows: requests as they are stored, and the event log. Reads only. */
import type { NatsServer } from '@switchboard/stack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import {
  DEAD_LETTERS_STREAM,
  decodeEvents,
  doorbellSubjects,
  EVENTS_STREAM,
  isEnd,
  requestsStream,
  requestSubjects,
} from '@switchboard/contract';

import type { Ledger } from './ledger.ts';

const POOL = 'default';
/** Claims and ends of all runs; what they say between is one level deeper. */
const STATES = 'events.*.*.*';
const BATCH = 1_000;

export interface StreamCounts {
  readonly requests: number;
  readonly deadLetters: number;
}

export class Observer {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #ledger: Ledger;
  #nextSeq = 1;
  #reading: Promise<void> = Promise.resolve();
  #ring = Promise.withResolvers<void>();

  private constructor(connection: NatsConnection, manager: JetStreamManager, ledger: Ledger) {
    this.#connection = connection;
    this.#manager = manager;
    this.#ledger = ledger;
    connection.subscribe(requestSubjects(POOL), {
      callback: (_error, message) => this.#onRequest(message),
    });
    connection.subscribe(doorbellSubjects(POOL), {
      callback: (_error, message) => this.#onRing(message),
    });
  }

  static async start({ access, url }: NatsServer, ledger: Ledger): Promise<Observer> {
    const connection = await connect({
      servers: url,
      ...(access && { user: access.operator.user, pass: access.operator.password }),
      name: 'storm',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      reconnectJitter: 0,
      noAsyncTraces: true,
    });
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
    return new Observer(connection, manager, ledger);
  }

  /** Resolves at the next ring: a request was stored in this moment. */
  get nextRing(): Promise<void> {
    return this.#ring.promise;
  }

  /** Reads what has come into the event log since the last call. Rejects while NATS is away. */
  readLog(): Promise<void> {
    // One after the other: two at once would take the same messages twice.
    const reading = this.#reading.then(() => this.#readOn());
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const batch = await this.#manager.direct.getBatch(EVENTS_STREAM, {
        seq: this.#nextSeq,
        batch: BATCH,
        next_by_subj: STATES,
      });
      let count = 0;
      try {
        for await (const stored of batch) {
          count += 1;
          this.#nextSeq = stored.seq + 1;
          this.#onStored(stored.subject, stored.seq, epochMs(stored.timestamp), stored.string());
        }
      } catch (error) {
        // 404: the log holds no more.
        if ((error as { code?: unknown }).code !== 404) throw error;
      }
      if (count < BATCH) return;
    }
  }

  /** Messages in the streams that must be empty in the end. */
  async counts(): Promise<StreamCounts> {
    const [requests, deadLetters] = await Promise.all(
      [requestsStream(POOL), DEAD_LETTERS_STREAM].map(async (name) => {
        return (await this.#manager.streams.info(name)).state.messages;
      }),
    );
    return { requests: requests ?? Number.NaN, deadLetters: deadLetters ?? Number.NaN };
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Published, which does not mean stored: only says which request a run is for. */
  #onRequest(message: Msg): void {
    const { run, requestId } = message.json<{ run: string; requestId: string }>();
    this.#requestOf.set(run, requestId);
    const known = this.#ledger.runs.get(run);
    if (known !== undefined) known.request = requestId;
  }

  readonly #requestOf = new Map<string, string>();

  /** Workers ring too, but only the server names a message. */
  #onRing(message: Msg): void {
    const run = message.headers?.get('Nats-Msg-Id') ?? '';
    if (run === '') return;
    const known = this.#ledger.run(run);
    known.storedAtMs = epochMs(message.headers?.get('Nats-Time-Stamp') ?? '');
    known.request ??= this.#requestOf.get(run);
    this.#ring.resolve();
    this.#ring = Promise.withResolvers();
  }

  #onStored(subject: string, seq: number, atMs: number, text: string): void {
    const [, , run = '', kind] = subject.split('.');
    const isLast = kind === 'end';
    const known = this.#ledger.run(run);
    known.request ??= this.#requestOf.get(run);
    const { a: attempt, e: events, gone } = decodeEvents(text);
    // What a purge leaves says again how the run ended; anything else would be a second end.
    const last = events.at(-1)?.type;
    if (gone === true && known.ends.some(({ end }) => end.type === last)) return;
    for (const event of events) {
      if (event.type === 'started') known.claims.push({ attempt, worker: event.worker, atMs });
      else if (isLast && isEnd(event)) known.ends.push({ seq, atMs, attempt, end: event });
    }
  }
}

/** NATS writes nanoseconds; a Date keeps milliseconds. */
function epochMs(timestamp: string): number {
  const fraction = /\.(\d+)/.exec(timestamp)?.[1] ?? '0';
  return Math.floor(Date.parse(timestamp) / 1_000) * 1_000 + Number(`0.${fraction}`) * 1_000;
}
