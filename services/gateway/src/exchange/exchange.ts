import type { ServerResponse } from 'node:http';
import { SwitchboardError } from '@switchboard/contract';
import { processingMs } from '../access-log/request-record.ts';
import type { RequestRecord } from '../access-log/request-record.ts';
import { SlowReaderWatch } from './slow-reader.ts';
import type { Reading } from './reading.ts';

/**
 * Why an exchange ends before its run does:
 * - `client_gone`: the client closed the connection.
 * - `slow_reader`: the client took nothing for too long; the gateway closes the connection.
 * - `shutdown`: the gateway's time to drain is over.
 * - `failed`: the gateway cannot go on with the answer.
 */
export type StopReason = 'client_gone' | 'slow_reader' | 'shutdown' | 'failed';

/**
 * One request for an answer and its response: who is still there, and what stops it. The socket is
 * watched from the first moment of the route, so that a client that leaves is noticed in every
 * state.
 */
export class Exchange {
  readonly record: RequestRecord;
  readonly response: ServerResponse;
  readonly slowReader: SlowReaderWatch;
  /** Set when the answer is one that was there before this request. */
  replayed = false;
  readonly #controller = new AbortController();
  readonly #held: (() => void)[] = [];
  #stopped: StopReason | undefined;
  #started = false;
  #runsOnUnseen = false;

  constructor(record: RequestRecord, response: ServerResponse, slowReaderMs: number) {
    this.record = record;
    this.response = response;
    this.slowReader = new SlowReaderWatch(response, slowReaderMs, () => {
      this.stop('slow_reader');
      response.destroy();
    });
    record.onClosed = () => {
      if (!response.writableEnded) this.stop('client_gone');
    };
  }

  /** Aborts when the exchange is stopped. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Whether a worker has taken the run. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether a repetition of the request may run beside, or after, what this one began. */
  get repeatRunsTwice(): boolean {
    return this.#started || (this.#stopped !== undefined && this.#runsOnUnseen);
  }

  /** Lets go of something when the exchange is over, however it ends. */
  hold(release: () => void): void {
    this.#held.push(release);
  }

  /** It is over: nothing is held any more. */
  over(): void {
    for (const release of this.#held.splice(0)) release();
  }

  /** The first reason counts. */
  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    if (reason === 'slow_reader') this.record.outcome ??= reason;
    this.#controller.abort();
  }

  /** There is something to read: a stop leaves it, also one that has happened already. */
  bind(reading: Reading): void {
    this.record.run = reading.run;
    this.#runsOnUnseen = reading.runsOnUnseen;
    const leave = () => reading.leave(this.#stopped ?? 'failed');
    if (this.signal.aborted) leave();
    else this.signal.addEventListener('abort', leave, { once: true });
  }

  markStarted(reading: Reading): void {
    if (this.#started) return;
    this.#started = true;
    this.record.queueWaitMs = Math.max(0, Date.now() - reading.acceptedAtMs);
  }

  /** Headers of an answer that has begun. */
  headers(): Record<string, string> {
    const { limits, requestId, queueWaitMs } = this.record;
    return {
      ...limits,
      'x-request-id': requestId,
      'openai-processing-ms': String(processingMs(this.record)),
      ...(this.replayed ? { 'idempotent-replayed': 'true' } : {}),
      ...(queueWaitMs === undefined ? {} : { 'x-queue-wait-ms': String(queueWaitMs) }),
    };
  }

  /** What the caller is told, if anybody is there to be told. */
  stopError(): SwitchboardError {
    return this.#stopped === 'shutdown'
      ? new SwitchboardError('shutting_down', 'The gateway shut down before the answer was ready.')
      : new SwitchboardError('cancelled', 'The run was cancelled.');
  }
}
