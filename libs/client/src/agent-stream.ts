import { setTimeout as delay } from 'node:timers/promises';
import type { OpenAI } from 'openai';
import { addOutputText } from 'openai/lib/ResponsesParser';
import type * as SDK from 'openai/resources/responses/responses';
import { AgentError, askedToWaitMs, mayGoBetter, throwIfFailed, toAgentError } from './errors.ts';

export interface Limits {
  /** Attempts in a row that bring nothing new; default 10. */
  readonly maxRetries: number;
  /** No attempt begins later than this after the first failure in a row; default 60,000 ms. */
  readonly retryForMs: number;
  /**
   * A connection counts as cut when no byte has come for this long; default 45,000 ms, three
   * heartbeats of the gateway.
   */
  readonly idleTimeoutMs: number;
}

export type Connection = Limits & { readonly openai: OpenAI };

/** A run to be started, which is cancelled when its reader leaves; or one that goes on anyway. */
export type Source =
  | { readonly body: SDK.ResponseCreateParamsStreaming; readonly headers: Record<string, string> }
  | { readonly id: string; readonly startingAfter: number | undefined };

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
/** How long a caller who leaves before the run has a name waits for that. */
const NAME_TIMEOUT_MS = 2_000;
const CANCEL = { maxRetries: 3, timeout: 5_000 };

/**
 * A run while it is read, over as many connections as that takes. It is read once, in one of three
 * shapes: its text piece by piece (the stream itself), its events, or its final response. Nothing
 * is sent before that.
 */
export class AgentStream implements AsyncIterable<string> {
  readonly #connection: Connection;
  readonly #source: Source;
  readonly #signal: AbortSignal;
  #used = false;
  #id: string | undefined;
  #last: number | undefined;
  /** Failures in a row, and when the first of them was. */
  #failures = 0;
  #failingSince = 0;

  constructor(connection: Connection, source: Source, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#source = source;
    this.#signal = signal ?? new AbortController().signal;
    if ('id' in source) [this.#id, this.#last] = [source.id, source.startingAfter];
  }

  /** The response's id; undefined until the first event has come. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Pieces of text. Throws AgentError after the last one if the run did not end well. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for await (const event of this.events()) {
      if (event.type === 'response.output_text.delta') yield event.delta;
      else if (isEnd(event)) throwIfFailed(event.response);
    }
  }

  /**
   * Reads to the end. Throws AgentError if the run did not end well; a text that a limit cut short
   * is an answer, with the status `incomplete`.
   */
  async response(): Promise<SDK.Response> {
    for await (const event of this.events()) {
      if (!isEnd(event)) continue;
      throwIfFailed(event.response);
      addOutputText(event.response);
      return event.response;
    }
    throw new TypeError('The events ended before the run.');
  }

  /**
   * Every event once, in order; the last one has the final response, whatever its status: a run
   * that failed ends like any other here.
   */
  async *events(): AsyncGenerator<SDK.ResponseStreamEvent, void> {
    if (this.#used) throw new TypeError('This stream was read already; ask again for another.');
    this.#used = true;
    // Whether a reader who goes now leaves a run that goes on.
    let left = true;
    try {
      while (left) {
        try {
          for await (const event of this.#read()) {
            this.#failures = 0;
            left = !isEnd(event);
            yield event;
            if (!left) return;
          }
        } catch (thrown) {
          await this.#pause(toAgentError(thrown, this.#id));
        }
      }
    } catch (thrown) {
      // Who was cut off may come again with the same key, within the resume window.
      left = this.#signal.aborted;
      if (!left) throw thrown;
      throw new AgentError('aborted', 'The caller left.', this.#id, this.#signal.reason);
    } finally {
      // The gateway by itself waits for the resume window, which ends the run if this cannot.
      if (left && 'body' in this.#source && this.#id !== undefined) {
        this.#connection.openai.responses.cancel(this.#id, CANCEL).catch(() => undefined);
      }
    }
  }

  /** What one connection brings. Throws when it ends before the run does. */
  async *#read(): AsyncGenerator<SDK.ResponseStreamEvent, never> {
    const socket = new AbortController();
    const close = () => socket.abort();
    // Nobody can cancel a run without its name, so the socket stays open until that has come.
    const leave = () => setTimeout(close, this.#id === undefined ? NAME_TIMEOUT_MS : 0).unref();
    this.#signal.addEventListener('abort', leave);
    try {
      this.#signal.throwIfAborted();
      for await (const event of await this.#open(socket.signal)) {
        const isNew = this.#take(event);
        this.#signal.throwIfAborted();
        if (isNew) yield event;
      }
      throw new Error('the stream ended before the run');
    } finally {
      this.#signal.removeEventListener('abort', leave);
      close();
    }
  }

  #open(signal: AbortSignal) {
    const { openai, idleTimeoutMs } = this.#connection;
    const options = { signal, maxRetries: 0, timeout: idleTimeoutMs };
    if (this.#id === undefined && 'body' in this.#source) {
      // Sent again with the same key it joins the run that it has started.
      const { body, headers } = this.#source;
      return openai.responses.create(body, { ...options, headers });
    }
    const after = this.#last === undefined ? {} : { starting_after: this.#last };
    return openai.responses.retrieve(this.#id ?? '', { stream: true, ...after }, options);
  }

  /** Whether the event is new. Throws when one before it is missing: text is never left out. */
  #take(event: SDK.ResponseStreamEvent): boolean {
    if ('response' in event) this.#id = event.response.id;
    const number = event.sequence_number;
    const expected = this.#last === undefined ? number : this.#last + 1;
    if (number > expected) {
      throw new AgentError('events_missing', `Event ${expected} has not come.`, this.#id);
    }
    if (number === expected) this.#last = number;
    return number === expected;
  }

  /** Waits before the next attempt; throws the failure when none is to be made. */
  async #pause(failure: AgentError): Promise<void> {
    const nowMs = performance.now();
    if (this.#failures === 0) this.#failingSince = nowMs;
    const mostMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    // A gateway that goes loses all its readers in one moment; they must not come back in one.
    const askedMs = askedToWaitMs(failure);
    const waitMs = (askedMs ?? mostMs / 2) * (1 + Math.random() / (askedMs === undefined ? 1 : 4));
    const { maxRetries, retryForMs } = this.#connection;
    const isOver = nowMs + waitMs - this.#failingSince > retryForMs || this.#failures >= maxRetries;
    if (isOver || this.#signal.aborted || !mayGoBetter(failure)) throw failure;
    this.#failures += 1;
    await delay(waitMs, undefined, { signal: this.#signal });
  }
}

function isEnd(event: SDK.ResponseStreamEvent): event is SDK.ResponseCompletedEvent {
  const status = 'response' in event ? event.response.status : undefined;
  return status !== undefined && status !== 'queued' && status !== 'in_progress';
}
