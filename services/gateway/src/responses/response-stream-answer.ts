import { SwitchboardError } from '@switchboard/contract';
import type { RunEnd, RunEvent } from '@switchboard/contract';
import type { Answer, Completed, Started } from '../exchange/answer.ts';
import type { Exchange } from '../exchange/exchange.ts';
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
  #last = -1;
  #written = false;

  constructor(exchange: Exchange, builder: ResponseBuilder, options: ResponseStreamOptions) {
    this.#exchange = exchange;
    this.#builder = builder;
    this.#after = options.after;
    this.#sse = new SseWriter(exchange.response, exchange.slowReader);
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatIntervalMs);
    this.#sse.open(exchange.headers());
    this.#send(builder.opening());
  }

  get blocked(): boolean {
    return this.#sse.blocked;
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#sse.drained(signal);
  }

  started(event: Started): void {
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

  #beat(): void {
    const silent = !this.#written;
    this.#written = false;
    if (!silent || this.#sse.blocked) return;
    this.#sse.comment(this.#exchange.started ? 'heartbeat' : 'queued');
  }
}
