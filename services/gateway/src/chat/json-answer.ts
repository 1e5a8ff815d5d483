import type { RunEvent, SwitchboardError } from '@switchboard/contract';
import { sendError } from '../http-errors/send-error.ts';
import type { Answer, Completed } from '../exchange/answer.ts';
import { CompletionParts } from './completion.ts';
import type { AnswerHead } from './completion-types.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { sendJson } from '../exchange/send-json.ts';

/** The whole answer as one JSON object, when the run has ended. */
export class JsonAnswer implements Answer {
  readonly blocked = false;
  readonly #exchange: Exchange;
  readonly #head: AnswerHead;
  #parts = new CompletionParts();

  constructor(exchange: Exchange, head: AnswerHead) {
    this.#exchange = exchange;
    this.#head = head;
  }

  started(): void {
    // Nothing can be sent before the status is known; a run that begins again begins from nothing.
    this.#parts = new CompletionParts();
  }

  take(event: RunEvent): void {
    this.#parts.add(event);
  }

  async drained(): Promise<void> {
    // Nothing is written before the end.
  }

  complete(end: Completed): void {
    sendJson(this.#exchange, this.#parts.completion(this.#head, end));
  }

  fail(error: SwitchboardError): void {
    const { response, record, repeatRunsTwice } = this.#exchange;
    sendError(response, record, error, { started: repeatRunsTwice });
  }

  dispose(): void {
    // Holds no timers.
  }
}
