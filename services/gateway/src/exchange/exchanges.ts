import type { IncomingMessage } from 'node:http';
import { SwitchboardError } from '@switchboard/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { recordOf } from '../access-log/request-record.ts';
import { toPublicError } from '../http-errors/public-error.ts';
import { sendError } from '../http-errors/send-error.ts';
import type { Answer } from './answer.ts';
import { Exchange } from './exchange.ts';
import type { Reading } from './reading.ts';

export interface ExchangesOptions {
  /** A client that takes nothing for this long is dropped, in milliseconds. */
  readonly slowReaderMs: number;
  readonly log: { error(fields: object, message: string): void };
}

/**
 * All answers that are being given now, whatever their shape.
 *
 * I1  Every request gets exactly one end: an answer, an error, or a closed connection.
 * I2  A client that leaves is noticed whatever its run is doing, and leaves its run; the gateway
 *     closing the connection itself is never taken for that.
 * I3  After {@link stopIntake} nothing new is served; {@link drained} resolves when the last open
 *     exchange has ended.
 */
export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #open = new Set<Exchange>();
  #refusing = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** Requests that are being answered now. */
  get open(): number {
    return this.#open.size;
  }

  /** Lets `serve` answer one request on the raw response. Never rejects. */
  async handle(
    request: FastifyRequest,
    reply: FastifyReply,
    serve: (exchange: Exchange) => Promise<void>,
  ): Promise<void> {
    reply.hijack();
    const exchange = new Exchange(recordOf(request.raw), reply.raw, this.#options.slowReaderMs);
    this.#open.add(exchange);
    try {
      if (this.#refusing) {
        throw new SwitchboardError('shutting_down', 'This gateway is shutting down: try again.');
      }
      await serve(exchange);
    } catch (thrown) {
      this.#fail(exchange, undefined, thrown);
    } finally {
      exchange.over();
      this.#open.delete(exchange);
      if (this.#open.size === 0) this.#drained?.resolve();
    }
  }

  /** Gives all of `reading` to `answer`, at the client's pace. Never rejects. */
  async give(exchange: Exchange, reading: Reading, answer: Answer): Promise<void> {
    try {
      await follow(exchange, reading, answer);
    } catch (thrown) {
      this.#fail(exchange, answer, thrown);
    } finally {
      answer.dispose();
    }
  }

  /** Refuses every request from now on. Idempotent. */
  stopIntake(): void {
    this.#refusing = true;
  }

  /** Resolves when nothing is open any more. Call after {@link stopIntake}. */
  drained(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  /** Ends every open answer with the error `shutting_down`. */
  abort(): void {
    for (const exchange of this.#open) exchange.stop('shutdown');
  }

  #fail(exchange: Exchange, answer: Answer | undefined, thrown: unknown): void {
    const { response, record, stopped } = exchange;
    // Whoever stopped an exchange knows why; what the abort threw on its way says nothing more.
    const error =
      stopped === undefined || stopped === 'failed'
        ? toPublicError(thrown, record.requestId)
        : exchange.stopError();
    if (error.code === 'internal_error') {
      const { requestId, run } = record;
      this.#options.log.error({ requestId, run, err: thrown }, 'a request failed unforeseen');
    }
    // A run that goes on without anybody to read it is waste.
    exchange.stop('failed');
    if (response.destroyed) return;
    if (answer === undefined) {
      sendError(response, record, error, { started: exchange.repeatRunsTwice });
    } else {
      answer.fail(error);
    }
  }
}

/**
 * Lets the event loop read what the system holds: when many callers come and leave at once, the
 * ones that have left already cost neither a place in the queue nor a slot. A request and the end
 * of its connection are read in two turns of the loop. Throws when the caller has left.
 */
export async function stillThere(exchange: Exchange, { socket }: IncomingMessage): Promise<void> {
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  if (socket.readableEnded) exchange.stop('client_gone');
  exchange.signal.throwIfAborted();
}

/**
 * Gives every event of the run to the answer. Returns when the run has ended.
 *
 * @throws anything when the exchange was stopped, or the answer cannot go on
 */
async function follow(exchange: Exchange, reading: Reading, answer: Answer): Promise<void> {
  const { signal } = exchange;
  for await (const event of reading.events(signal)) {
    switch (event.type) {
      case 'started':
        exchange.markStarted(reading);
        answer.started(event);
        break;
      case 'completed':
        answer.complete(event);
        return;
      case 'failed': {
        const { code, message, param, retryAfterMs } = event;
        answer.fail(new SwitchboardError(code, message, { param, retryAfterMs }), event);
        return;
      }
      case 'cancelled':
        answer.fail(exchange.stopError(), event);
        return;
      case 'text.delta':
      case 'reasoning.delta':
      case 'refusal.delta':
      case 'tool.call':
      case 'tool.started':
      case 'tool.result':
      case 'usage':
        answer.take(event);
        break;
    }
    if (answer.blocked) await answer.drained(signal);
    if (signal.aborted) break;
  }
  throw new Error('the events of the run ended before the run did');
}
