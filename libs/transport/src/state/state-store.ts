/**
 * What outlives a run: stored responses, idempotency keys, and inputs larger than a message may be.
 * The buckets are made on every (re)connect: an empty server may have come back.
 */
import { toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { Bucket } from './bucket.ts';
import { type BucketBounds, ensureBuckets } from './bucket-stream.ts';
import { isFull, stateUnavailable, storageFull } from './patience.ts';
import { JsonBucket, type StateBucket } from './state-bucket.ts';

export interface StateStoreOptions {
  /** 1, or 3 on a cluster. */
  readonly replicas: number;
  /** How long a response is kept after it was last written, milliseconds. */
  readonly responsesTtlMs: number;
  readonly responsesMaxBytes: number;
  readonly idempotencyTtlMs: number;
  readonly idempotencyMaxBytes: number;
  /** Longer than any run may wait and take. */
  readonly inputsTtlMs: number;
  readonly inputsMaxBytes: number;
  readonly log: TransportLog;
}

const INPUTS = 'inputs';
const RETRY_MS = 250;
/** How long a call waits for the buckets to be made. */
const MADE_TIMEOUT_MS = 5_000;
/** An input belongs to one run and one gateway: two writers at once are a fault. */
const PUT_TRIES_MAX = 3;

export class StateStore {
  readonly responses: StateBucket;
  readonly idempotency: StateBucket;
  readonly #link: NatsLink;
  readonly #log: TransportLog;
  readonly #bounds: readonly BucketBounds[];
  readonly #inputs: Bucket;
  readonly #closing = new AbortController();
  #removeListener: (() => void) | undefined;
  /** The epoch in which the buckets are being made; 0: none. */
  #making = 0;
  /** Settled when they were made, or not. */
  #made = Promise.withResolvers<void>();
  #ready = false;
  /** Why the buckets could not be made. */
  #fault: Error | undefined;

  constructor(link: NatsLink, options: StateStoreOptions) {
    this.#link = link;
    this.#log = options.log;
    const { replicas, responsesMaxBytes, idempotencyMaxBytes } = options;
    this.#bounds = [
      {
        name: 'responses',
        replicas,
        ttlMs: options.responsesTtlMs,
        maxBytes: responsesMaxBytes,
      },
      {
        name: 'idempotency',
        replicas,
        ttlMs: options.idempotencyTtlMs,
        maxBytes: idempotencyMaxBytes,
      },
      { name: INPUTS, replicas, ttlMs: options.inputsTtlMs, maxBytes: options.inputsMaxBytes },
    ];
    this.responses = new JsonBucket(this.#bucket('responses'), responsesMaxBytes);
    this.idempotency = new JsonBucket(this.#bucket('idempotency'), idempotencyMaxBytes);
    this.#inputs = this.#bucket(INPUTS);
  }

  /** Connected, and the buckets are made. */
  get ready(): boolean {
    return this.#link.connected && this.#ready;
  }

  /** Begins to keep the buckets made; returns at once. */
  start(): void {
    this.#removeListener = this.#link.listen({
      up: () => void this.#make(),
      down: () => this.#unmade(),
    });
  }

  /** Stops; the link belongs to the caller. */
  close(): void {
    this.#closing.abort();
    this.#removeListener?.();
    this.#settle();
  }

  /**
   * Stores the input of a run under `key`, or replaces it.
   * @throws SwitchboardError `storage_full`, `queue_unavailable`
   */
  async putInput(key: string, data: Uint8Array): Promise<void> {
    for (let tries = 0; tries < PUT_TRIES_MAX; tries++) {
      // Most often there is none, so that is tried before anything is read.
      const revision = tries === 0 ? 0 : ((await this.#inputs.get(key))?.revision ?? 0);
      if ((await this.#inputs.write(key, data, revision)) !== undefined) return;
    }
    throw stateUnavailable();
  }

  /** @throws SwitchboardError `queue_unavailable` */
  async getInput(key: string): Promise<Uint8Array | undefined> {
    return (await this.#inputs.get(key))?.data;
  }

  /** Leaves no byte of it behind. Idempotent. @throws SwitchboardError `queue_unavailable` */
  deleteInput(key: string): Promise<void> {
    return this.#inputs.delete(key);
  }

  #bucket(name: string): Bucket {
    return new Bucket(this.#link, name, {
      whenReady: () => this.#whenReady(),
      onTrouble: () => void this.#make(),
      log: this.#log,
    });
  }

  async #whenReady(): Promise<void> {
    const until = performance.now() + MADE_TIMEOUT_MS;
    while (!this.#ready) {
      if (this.#fault !== undefined && isFull(this.#fault)) throw storageFull(this.#fault);
      const leftMs = until - performance.now();
      if (leftMs <= 0 || this.#closing.signal.aborted) throw stateUnavailable(this.#fault);
      const timeout = new AbortController();
      await Promise.race([this.#made.promise, abortableSleep(leftMs, timeout.signal)]);
      timeout.abort();
    }
  }

  #unmade(): void {
    this.#making = 0;
    this.#ready = false;
    this.#fault = undefined;
  }

  #settle(): void {
    this.#made.resolve();
    this.#made = Promise.withResolvers<void>();
  }

  /** One loop per connection epoch: what an earlier one still waits for is not waited for here. */
  async #make(): Promise<void> {
    const { epoch } = this.#link;
    if (this.#making === epoch) return;
    this.#making = epoch;
    let reported = '';
    while (!this.#closing.signal.aborted && this.#link.connected && this.#link.epoch === epoch) {
      try {
        await ensureBuckets(this.#link.connection, this.#bounds);
        if (this.#link.epoch !== epoch) return;
        this.#making = 0;
        this.#fault = undefined;
        this.#ready = true;
        this.#settle();
        return;
      } catch (error) {
        this.#fault = toError(error);
        this.#settle();
        const { message } = this.#fault;
        if (message !== reported) {
          this.#log.warn({ reason: message }, 'state buckets not made; trying on');
        }
        reported = message;
        await abortableSleep(RETRY_MS, this.#closing.signal);
      }
    }
  }
}

/**
 * Reads a run's input where no {@link StateStore} is kept (the worker).
 * @throws SwitchboardError `queue_unavailable`, also when there is no bucket
 */
export async function readInput(
  link: NatsLink,
  key: string,
  log: TransportLog,
): Promise<Uint8Array | undefined> {
  return (await new Bucket(link, INPUTS, { log }).get(key))?.data;
}
