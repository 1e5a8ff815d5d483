import type { RunEnd, RunEvent, SwitchboardError } from '@switchboard/contract';
import type { Answer, Completed, Started } from '../exchange/answer.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { sendJson } from '../exchange/send-json.ts';
import { sendError } from '../http-errors/send-error.ts';
import type { ResponseBuilder } from './response-builder.ts';

/** A whole response as one JSON object, when its run has ended. */
export class ResponseJsonAnswer implements Answer {
  readonly blocked = false;
  readonly #exchange: Exchange;
  readonly #builder: ResponseBuilder;

  constructor(exchange: Exchange, builder: ResponseBuilder) {
    this.#exchange = exchange;
    this.#builder = builder;
    builder.opening();
  }

  started(event: Started): void {
    this.#builder.take(event);
  }

  take(event: RunEvent): void {
    this.#builder.take(event);
  }

  async drained(): Promise<void> {
    // Nothing is written before the end.
  }

  complete(end: Completed): void {
    this.#give(end);
  }

  /** A cancelled response is an answer; what failed keeps its own status, as with chats. */
  fail(error: SwitchboardError, end?: RunEnd): void {
    const { response, record, repeatRunsTwice, stopped } = this.#exchange;
    if (end?.type === 'cancelled' && stopped === undefined) return this.#give(end);
    sendError(response, record, error, { started: repeatRunsTwice });
  }

  dispose(): void {
    // Holds no timers.
  }

  #give(end: RunEnd): void {
    this.#builder.take(end);
    sendJson(this.#exchange, this.#builder.response);
  }
}
