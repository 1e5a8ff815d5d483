import { SwitchboardError } from '@switchboard/contract';
import type { RunEnd, RunEvent } from '@switchboard/contract';
import type { Answer, Completed, Started } from '../exchange/answer.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { QueueProgress } from '../exchange/queue-progress.ts';
import type { FindPlace, QueuePlace } from '../exchange/queue-progress.ts';
import { SseWriter } from '../exchange/sse-writer.ts';
import { errorBody } from '../http-errors/http-errors.ts';
import { errorEvent } from './error-event.ts';
import type { ResponseBuilder, ResponseStreamEvent } from './response-builder.ts';
import type { ErrorEvent } from './stream-event-schema.ts';

export interface ResponseStreamOptions {
  /** A stream that is silent for this long gets a comment, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** Last `sequence_number` that the client has; -1: none. */
  readonly after: number;
  /** Where a run that waits stands; default: nobody knows. */
  readonly findPlace?: FindPlace | undefined;
}

/**
 * A response as server-sent events. Its head is sent at once: a client that does not know the id
 * can neither resume nor stop the run.
 */
export class ResponseStreamAnswer implements Answer {
  readonly #exchange: Exchange;
  readonly #builder: ResponseBuilder;
  readonly #after: number;
  readonly #sse: SseWriter;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #progress: QueueProgress | undefined;
  readonly #queued: ResponseStreamEvent | undefined;
  #last = -1;
  #written = false;

  constructor(exchange: Exchange, builder: ResponseBuilder, options: ResponseStreamOptions) {
    this.#exchange = exchange;
    this.#builder = builder;
    this.#after = options.after;
    this.#sse = new SseWriter(exchange.response, exchange.slowReader);
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatIntervalMs);
    this.#sse.open(exchange.headers());
    const opening = builder.opening();
    this.#send(opening);
    this.#queued = opening.at(-1);
    const { findPlace: find } = options;
    const { run } = exchange.record;
    if (find === undefined || run === undefined) return;
    this.#progress = new QueueProgress({ run, find, tell: (place) => this.#sayPlace(place) });
    this.#progress.start('later');
  }

  get blocked(): boolean {
    return this.#sse.blocked;
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#sse.drained(signal);
  }

  started(event: Started): void {
    this.#progress?.stop();
    this.#send(this.#builder.take(event));
  }

  take(event: RunEvent): void {
    this.#send(this.#builder.take(event));
  }

  complete(end: Completed): void {
    this.#exchange.record.outcome ??= 'ok';
    this.#finish(end);
  }

  fail(error: SwitchboardError, end?: RunEnd): void {
    this.#exchange.record.outcome ??= error.code;
    if (end !== undefined) return this.#finish(end);
    // The run goes on, or may: its reader can come back.
    this.#write(errorEvent(Math.max(this.#last, 0), errorBody(error).error));
    this.#sse.end();
  }

  dispose(): void {
    clearInterval(this.#heartbeat);
    this.#progress?.stop();
  }

  #finish(end: RunEnd): void {
    this.#send(this.#builder.take(end));
    if (this.#after > this.#last) {
      const message = `There is no event after number ${this.#last}: the response has ended.`;
      const details = { param: 'starting_after' };
      const error = new SwitchboardError('invalid_request', message, details);
      this.#write(errorEvent(this.#last, errorBody(error).error));
    }
    this.#sse.event('[DONE]');
    this.#sse.end();
  }

  #send(events: readonly ResponseStreamEvent[]): void {
    for (const event of events) {
      this.#last = event.sequence_number;
      if (event.sequence_number > this.#after) this.#write(event);
    }
  }

  #write(event: ResponseStreamEvent | ErrorEvent): void {
    this.#written = true;
    this.#sse.event(JSON.stringify(event), { name: event.type });
  }

  /**
   * `response.queued` again, with its own number: the stream has not gone on, so a reader who
   * resumes after that number misses nothing. Who has that event already is told in a comment.
   */
  #sayPlace({ ahead, etaMs }: QueuePlace): void {
    if (this.#sse.blocked) return;
    const eta = etaMs === undefined ? '' : ` eta_ms=${etaMs}`;
    const queued = this.#queued;
    if (queued?.type !== 'response.queued' || queued.sequence_number <= this.#after) {
      this.#sse.comment(`queued position=${ahead + 1}${eta}`);
      return;
    }
    const switchboard = { ahead, eta_ms: etaMs ?? null };
    this.#write({ ...queued, switchboard });
  }

  #beat(): void {
    const silent = !this.#written;
    this.#written = false;
    if (!silent || this.#sse.blocked) return;
    this.#sse.comment(this.#exchange.started ? 'heartbeat' : 'queued');
  }
}
