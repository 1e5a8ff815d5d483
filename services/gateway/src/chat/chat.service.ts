import type { IncomingMessage } from 'node:http';
import { SwitchboardError, findProfile } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { recordOf } from '../access-log/request-record.ts';
import { toPublicError } from '../http-errors/public-error.ts';
import { sendError } from '../http-errors/send-error.ts';
import type { Answer } from './answer.ts';
import { answerHead } from './completion-types.ts';
import { ChatExchange } from './exchange.ts';
import { identityOf } from './identity.ts';
import { JsonAnswer } from './json-answer.ts';
import { parseChat } from './parse-chat.ts';
import type { Run, RunSubmitter } from './run-submitter.ts';
import { StreamAnswer } from './stream-answer.ts';
import type { StreamTimes } from './stream-answer.ts';

export interface ChatOptions extends StreamTimes {
  readonly runs: RunSubmitter;
  readonly profiles: readonly AgentProfile[];
  /** A client that takes nothing for this long is dropped, in milliseconds. */
  readonly slowReaderMs: number;
  readonly log: ChatLog;
}

interface ChatLog {
  error(fields: object, message: string): void;
}

/** Model names shown to a caller who asked for one that does not exist. */
const NAMES_SHOWN = 5;

/**
 * Chat completions: checks a request, submits its run and writes the answer as events come.
 *
 * I1  Every request gets exactly one end: an answer, an error, or a closed connection.
 * I2  A client that leaves cancels its run, whatever the run is doing; the gateway closing the
 *     connection itself is never taken for that.
 * I3  After {@link stopIntake} nothing new is submitted; {@link drained} resolves when the last
 *     open exchange has ended.
 */
export class ChatService {
  readonly #options: ChatOptions;
  readonly #open = new Set<ChatExchange>();
  #refusing = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  /** Requests that are being answered now. */
  get open(): number {
    return this.#open.size;
  }

  /** Answers one request on the raw response. Never rejects. */
  async handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack();
    const record = recordOf(request.raw);
    const exchange = new ChatExchange(record, reply.raw, this.#options.slowReaderMs);
    this.#open.add(exchange);
    try {
      await this.#answer(exchange, request);
    } catch (thrown) {
      this.#fail(exchange, undefined, thrown);
    } finally {
      this.#open.delete(exchange);
      if (this.#open.size === 0) this.#drained?.resolve();
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

  /** Ends every open answer with the error `shutting_down`, and cancels its run. */
  abort(): void {
    for (const exchange of this.#open) exchange.stop('shutdown');
  }

  async #answer(exchange: ChatExchange, request: FastifyRequest): Promise<void> {
    if (this.#refusing) {
      throw new SwitchboardError('shutting_down', 'This gateway is shutting down: try again.');
    }
    const parsed = parseChat(request.body);
    const { profile, rest } = this.#find(parsed.model);
    await this.#stillThere(exchange, request.raw);
    const run = await this.#options.runs.submit(
      {
        requestId: exchange.record.requestId,
        user: identityOf(request.headers.authorization, parsed.user),
        profile,
        ...(rest === undefined ? {} : { model: rest }),
        stream: parsed.stream,
        chat: parsed.chat,
      },
      exchange.signal,
    );
    exchange.bind(run);
    const head = answerHead(run.run, parsed.model, Date.now());
    const answer = parsed.stream
      ? new StreamAnswer(exchange, head, parsed.includeUsage, this.#options)
      : new JsonAnswer(exchange, head);
    try {
      await follow(exchange, run, answer);
    } catch (thrown) {
      this.#fail(exchange, answer, thrown);
    } finally {
      answer.dispose();
    }
  }

  /**
   * Lets the event loop read what the system holds: when many callers come and leave at once, the
   * ones that have left already cost neither a place in the queue nor a slot. The request and the
   * end of its connection are read in two turns of the loop.
   */
  async #stillThere(exchange: ChatExchange, { socket }: IncomingMessage): Promise<void> {
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    if (socket.readableEnded) exchange.stop('client_gone');
    exchange.signal.throwIfAborted();
  }

  #find(model: string): { profile: AgentProfile; rest?: string } {
    const found = findProfile(this.#options.profiles, model);
    if (found !== undefined) return found;
    const names = this.#options.profiles.map((profile) => profile.name);
    const shown = names.slice(0, NAMES_SHOWN).join(', ');
    const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
    throw new SwitchboardError(
      'model_not_found',
      `There is no agent of this name. Available: ${shown}${more}.`,
      { param: 'model' },
    );
  }

  #fail(exchange: ChatExchange, answer: Answer | undefined, thrown: unknown): void {
    const { response, record, stopped } = exchange;
    // Whoever stopped an exchange knows why; what the abort threw on its way says nothing more.
    const error =
      stopped === undefined || stopped === 'failed'
        ? toPublicError(thrown, record.requestId)
        : exchange.stopError();
    if (error.code === 'internal_error') {
      const { requestId, run } = record;
      this.#options.log.error({ requestId, run, err: thrown }, 'a chat request failed unforeseen');
    }
    // A run that goes on without anybody to read it is waste.
    exchange.stop('failed');
    if (response.destroyed) return;
    if (answer === undefined) sendError(response, record, error, { started: exchange.started });
    else answer.fail(error);
  }
}

/**
 * Gives every event of the run to the answer, at the client's pace. Returns when the run has ended.
 *
 * @throws SwitchboardError for a run that failed or was cancelled; anything when it was stopped.
 */
async function follow(exchange: ChatExchange, run: Run, answer: Answer): Promise<void> {
  const { signal } = exchange;
  for await (const event of run.events(signal)) {
    switch (event.type) {
      case 'started':
        exchange.markStarted(run);
        answer.started();
        break;
      case 'completed':
        answer.complete(event);
        return;
      case 'failed': {
        const { code, message, param, retryAfterMs } = event;
        answer.fail(new SwitchboardError(code, message, { param, retryAfterMs }));
        return;
      }
      case 'cancelled':
        answer.fail(exchange.stopError());
        return;
      case 'text.delta':
      case 'reasoning.delta':
      case 'refusal.delta':
      case 'tool.call':
      case 'usage':
        answer.take(event);
        break;
    }
    if (answer.blocked) await answer.drained(signal);
    if (signal.aborted) break;
  }
  throw new Error('the events of the run ended before the run did');
}
