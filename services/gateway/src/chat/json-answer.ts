import type { RunEvent, SwitchboardError } from '@switchboard/contract';
import { sendError } from '../http-errors/send-error.ts';
import type { Answer, Completed } from './answer.ts';
import { CompletionParts } from './completion.ts';
import type { AnswerHead } from './completion-types.ts';
import type { ChatExchange } from './exchange.ts';

/** The whole answer as one JSON object, when the run has ended. */
export class JsonAnswer implements Answer {
  readonly blocked = false;
  readonly #exchange: ChatExchange;
  readonly #head: AnswerHead;
  readonly #parts = new CompletionParts();

  constructor(exchange: ChatExchange, head: AnswerHead) {
    this.#exchange = exchange;
    this.#head = head;
  }

  started(): void {
    // Nothing can be sent before the status is known.
  }

  take(event: RunEvent): void {
    this.#parts.add(event);
  }

  async drained(): Promise<void> {
    // Nothing is written before the end.
  }

  complete(end: Completed): void {
    const { response, record, slowReader } = this.#exchange;
    const body = Buffer.from(JSON.stringify(this.#parts.completion(this.#head, end)));
    record.outcome ??= 'ok';
    if (response.destroyed) return;
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(body.byteLength),
      ...this.#exchange.headers(),
    });
    response.end(body);
    if (response.writableLength > 0) slowReader.arm();
  }

  fail(error: SwitchboardError): void {
    const { response, record, started } = this.#exchange;
    sendError(response, record, error, { started });
  }

  dispose(): void {
    // Holds no timers.
  }
}
