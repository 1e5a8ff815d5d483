/** The stream behind one span of counters, kept made for as long as NATS may be away. */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { countersStream, type CounterSpan, counterSubjects, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { ensureStream } from '../link/topology.ts';

export interface CounterStreamOptions {
  readonly span: CounterSpan;
  /** 1, or 3 on a cluster. */
  readonly replicas: number;
  /**
   * Bytes of all counters of the span, about 150 each. When there are more, those that were added
   * to the longest time ago are forgotten, and count from 0 again.
   */
  readonly maxBytes: number;
  readonly log: TransportLog;
}

/**
 * How long a counter is kept after the last addition: its window, the next one in which it still
 * counts as the previous, and a margin for clocks that differ.
 */
const MAX_AGE_MS: Readonly<Record<CounterSpan, number>> = {
  minute: 5 * 60_000,
  day: 25 * 3_600_000,
};
const NANOS = 1_000_000;
/** No addition is repeated, so none is told apart by a message id. */
const DUPLICATE_WINDOW_MS = 100;
const RETRY_MS = 250;

/** @throws JetStreamApiError, also from a server that knows no counters (before 2.12) */
async function ensureCounterStream(
  connection: NatsConnection,
  { span, replicas, maxBytes }: CounterStreamOptions,
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  await ensureStream(manager, {
    name: countersStream(span),
    subjects: [counterSubjects(span)],
    retention: RetentionPolicy.Limits,
    // On file: a restart of the server must not let everybody in again.
    storage: StorageType.File,
    // A counter stream takes no other.
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    max_bytes: maxBytes,
    max_age: MAX_AGE_MS[span] * NANOS,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS,
    num_replicas: replicas,
    // Only the leader is read: a replica may be behind.
    allow_direct: false,
    allow_msg_counter: true,
  });
}

export class CounterStream {
  readonly #link: NatsLink;
  readonly #options: CounterStreamOptions;
  readonly #closing = new AbortController();
  #removeListener: (() => void) | undefined;
  /** The epoch in which it is being made; 0: none. */
  #making = 0;
  #made = false;

  constructor(link: NatsLink, options: CounterStreamOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Connected, and made since. */
  get made(): boolean {
    return this.#link.connected && this.#made;
  }

  /** Begins to keep it made; returns at once. */
  start(): void {
    this.#removeListener = this.#link.listen({
      up: () => this.make(),
      down: () => {
        this.#made = false;
        this.#making = 0;
      },
    });
  }

  close(): void {
    this.#closing.abort();
    this.#removeListener?.();
  }

  /** Makes it, or looks whether it is there: also for who finds that nobody answers. */
  make(): void {
    const { epoch } = this.#link;
    if (this.#making === epoch) return;
    this.#making = epoch;
    void this.#make(epoch);
  }

  /** One loop per connection epoch: what an earlier one still waits for is not waited for here. */
  async #make(epoch: number): Promise<void> {
    let reported = '';
    while (!this.#closing.signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        await ensureCounterStream(this.#link.connection, this.#options);
        if (this.#link.epoch !== epoch) return;
        this.#making = 0;
        this.#made = true;
        return;
      } catch (error) {
        const reason = toError(error).message;
        const { log, span } = this.#options;
        if (reason !== reported) log.warn({ reason, span }, 'counters not made; trying on');
        reported = reason;
        await abortableSleep(RETRY_MS, this.#closing.signal);
      }
    }
  }
}
