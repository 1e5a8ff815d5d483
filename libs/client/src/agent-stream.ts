import { setTimeout as delay } from 'node:timers/promises';
import type { OpenAI } from 'openai';
import { addOutputText } from 'openai/lib/ResponsesParser';
import type * as SDK from 'openai/resources/responses/responses';
import { AgentError, askedToWaitMs, mayGoBetter, toAgentError } from './errors.ts';

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

type Events = PromiseLike<AsyncIterable<SDK.ResponseStreamEvent>>;

export interface FollowOptions {
  /** Stops the reading. */
  readonly signal?: AbortSignal | undefined;
  /** Number of the last event that is known already; default: all are wanted. */
  readonly startingAfter?: number | undefined;
}

/** A run that `start` begins and a leaving reader ends, or one that has an id and goes on. */
interface Reading extends FollowOptions {
  /** Asked again, with the same key, it joins the run that it has started. */
  readonly start?: (request: OpenAI.RequestOptions) => Events;
  readonly id?: string;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
/** How long a caller who leaves before the run has a name waits for that. */
const NAME_TIMEOUT_MS = 2_000;
const CANCEL = { maxRetries: 3, timeout: 5_000 };
/** Statuses of a run that has ended. */
const ENDS = new Set<unknown>(['completed', 'incomplete', 'failed', 'cancelled']);

/**
 * A run while it is read, over as many connections as that takes. It is read once, in one of three
 * shapes: its text piece by piece (the stream itself), its events, or its final response. Nothing
 * is sent before that.
 */
export class AgentStream implements AsyncIterable<string> {
  readonly #connection: Connection;
  readonly #start: Reading['start'];
  readonly #signal: AbortSignal;
  #used = false;
  #id: string | undefined;
  /** Number of the last event. */
  #last: number | undefined;
  #final: SDK.Response | undefined;
  /** Failures in a row, and when the first of them was. */
  #failures = 0;
  #failingSinceMs = 0;

  constructor(connection: Connection, { start, id, startingAfter, signal }: Reading) {
    this.#connection = connection;
    this.#start = start;
    this.#signal = signal ?? new AbortController().signal;
    [this.#id, this.#last] = [id, startingAfter];
  }

  /** The response's id; undefined until the first event has come. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Pieces of text. Throws AgentError after the last one if the run did not end well. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for await (const event of this.events()) {
      if (event.type === 'response.output_text.delta') yield event.delta;
    }
    this.#answer();
  }

  /**
   * Reads to the end. Throws AgentError if the run did not end well; a text that a limit cut short
   * is an answer, with the status `incomplete`.
   */
  async response(): Promise<SDK.Response> {
    for await (const event of this.events()) void event;
    return this.#answer();
  }

  /**
   * Every event once, in order; the last one has the final response, whatever its status: a run
   * that failed ends like any other here.
   */
  async *events(): AsyncGenerator<SDK.ResponseStreamEvent, void> {
    if (this.#used) throw new TypeError('This stream was read already; ask again for another.');
    this.#used = true;
    let isUnwanted = true;
    try {
      while (this.#final === undefined) yield* this.#read();
    } catch (thrown) {
      // Who was cut off may come again with the same key, within the resume window.
      isUnwanted = this.#signal.aborted;
      if (!isUnwanted) throw thrown;
      throw new AgentError('aborted', 'The caller left.', this.#id, this.#signal.reason);
    } finally {
      const isLeft = isUnwanted && this.#final === undefined && this.#start !== undefined;
      if (isLeft && this.#id !== undefined) {
        // The gateway by itself waits for the resume window, which ends the run if this cannot.
        this.#connection.openai.responses.cancel(this.#id, CANCEL).catch(() => undefined);
      }
    }
  }

  /** What one connection brings; where it breaks, a pause before the next one. */
  async *#read(): AsyncGenerator<SDK.ResponseStreamEvent, void> {
    const socket = new AbortController();
    // Nobody can cancel a run without its name, so the socket stays open until that has come.
    const closeAfterMs = () => (this.#id === undefined ? NAME_TIMEOUT_MS : 0);
    const leave = () => setTimeout(() => socket.abort(), closeAfterMs()).unref();
    this.#signal.addEventListener('abort', leave);
    try {
      this.#signal.throwIfAborted();
      for await (const event of await this.#open(socket.signal)) {
        const response = 'response' in event ? event.response : undefined;
        this.#id = response?.id ?? this.#id;
        this.#signal.throwIfAborted();
        if (!this.#isNew(event)) continue;
        if (ENDS.has(response?.status)) this.#final = response;
        yield event;
        if (this.#final !== undefined) return;
      }
      throw new Error('The stream ended before the run.');
    } catch (thrown) {
      await this.#pause(toAgentError(thrown, this.#id));
    } finally {
      this.#signal.removeEventListener('abort', leave);
    }
  }

  #open(signal: AbortSignal): Events {
    const { idleTimeoutMs: timeout, openai } = this.#connection;
    const request = { signal, timeout, maxRetries: 0 };
    if (this.#id === undefined && this.#start !== undefined) return this.#start(request);
    const after = this.#last === undefined ? {} : { starting_after: this.#last };
    return openai.responses.retrieve(this.#id ?? '', { stream: true, ...after }, request);
  }

  /** Throws when an event before this one is missing: text is never left out. */
  #isNew({ sequence_number: number }: SDK.ResponseStreamEvent): boolean {
    const expected = this.#last === undefined ? number : this.#last + 1;
    if (number < expected) return false;
    const message = `Event ${expected} has not come.`;
    if (number > expected) throw new AgentError('events_missing', message, this.#id);
    [this.#last, this.#failures] = [number, 0];
    return true;
  }

  /** Waits before the next attempt; throws the failure when none is to be made. */
  async #pause(failure: AgentError): Promise<void> {
    const nowMs = performance.now();
    if (this.#failures === 0) this.#failingSinceMs = nowMs;
    const mostMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    // A gateway that goes loses all its readers in one moment; they must not come back in one.
    const askedMs = askedToWaitMs(failure);
    const waitMs = (askedMs ?? mostMs / 2) * (1 + Math.random() / (askedMs === undefined ? 1 : 4));
    const { maxRetries, retryForMs } = this.#connection;
    const isLate = nowMs + waitMs - this.#failingSinceMs > retryForMs;
    if (isLate || this.#failures >= maxRetries || !mayGoBetter(failure)) throw failure;
    this.#failures += 1;
    await delay(waitMs, undefined, { signal: this.#signal });
  }

  /** The final response. Throws unless it is an answer, be it cut short by a limit. */
  #answer(): SDK.Response {
    if (this.#final === undefined) throw new TypeError('The events ended before the run.');
    const { error, id, status } = this.#final;
    if (status === 'failed' || status === 'cancelled') {
      throw new AgentError(error?.code ?? status, error?.message ?? `The run is ${status}.`, id);
    }
    addOutputText(this.#final);
    return this.#final;
  }
}
