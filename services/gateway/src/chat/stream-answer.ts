import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent, Usage } from '@switchboard/contract';
import { errorBody } from '../http-errors/http-errors.ts';
import { sendError } from '../http-errors/send-error.ts';
import type { Answer, Completed } from '../exchange/answer.ts';
import {
  deltaChunk,
  finishChunk,
  restartChunk,
  roleChunk,
  usageChunk,
} from './completion-chunks.ts';
import type { AnswerHead } from './completion-types.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { QueueProgress } from '../exchange/queue-progress.ts';
import type { FindPlace, QueuePlace } from '../exchange/queue-progress.ts';
import { SseWriter } from '../exchange/sse-writer.ts';

export interface StreamTimes {
  /** Longest hold of the status line after the run was accepted, in milliseconds. */
  readonly statusHoldMs: number;
  /** Longest hold of the status line after the run has started, in milliseconds. */
  readonly startedHoldMs: number;
  /** A stream that is silent for this long gets a comment, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** Where a run that waits stands; default: nobody knows. */
  readonly findPlace?: FindPlace | undefined;
}

export interface StreamOptions extends StreamTimes {
  /** Whether the stream ends with a chunk that holds the token counts. */
  readonly includeUsage: boolean;
  /** Whether chunks carry an `id: <run>:<n>`, so that the stream can be resumed. */
  readonly numbered: boolean;
  /** Chunks that the client has already. */
  readonly after: number;
}

/**
 * The answer as server-sent events.
 *
 * Chunks are a pure function of the run's events, so their numbers, from 1, are the same on every
 * gateway and every replay.
 *
 * The status line is held until the first part of the answer or one of the two holds, so that a
 * refusal of the queue or of the provider still has its own status. After that an error can only be
 * the last event of the stream.
 */
export class StreamAnswer implements Answer {
  readonly #exchange: Exchange;
  readonly #head: AnswerHead;
  readonly #options: StreamOptions;
  readonly #sse: SseWriter;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #progress: QueueProgress | undefined;
  #hold: NodeJS.Timeout;
  #usage: Usage | undefined;
  #roleSent = false;
  #written = false;
  #chunks = 0;

  constructor(exchange: Exchange, head: AnswerHead, options: StreamOptions) {
    this.#exchange = exchange;
    this.#head = head;
    this.#options = options;
    this.#sse = new SseWriter(exchange.response, exchange.slowReader);
    this.#hold = setTimeout(() => this.#openQueued(), options.statusHoldMs);
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatIntervalMs);
    const { findPlace: find } = options;
    const { run } = exchange.record;
    if (find === undefined || run === undefined) return;
    this.#progress = new QueueProgress({ run, find, tell: (place) => this.#sayPlace(place) });
  }

  get blocked(): boolean {
    return this.#sse.opened && this.#sse.blocked;
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#sse.drained(signal);
  }

  started(): void {
    this.#progress?.stop();
    if (this.#chunks > 1) return this.#restarted();
    if (this.#sse.opened) return this.#sendRole('');
    clearTimeout(this.#hold);
    this.#hold = setTimeout(() => this.#openStarted(), this.#options.startedHoldMs);
  }

  take(event: RunEvent): void {
    if (event.type === 'usage') this.#usage = event.usage;
    const chunk = deltaChunk(this.#head, this.#options.includeUsage, event);
    if (chunk === undefined) return;
    this.#open();
    this.#sendRole(event.type === 'tool.call' ? null : '');
    this.#send(chunk);
  }

  complete(end: Completed): void {
    this.#open();
    this.#sendRole('');
    this.#send(finishChunk(this.#head, this.#options.includeUsage, end));
    if (this.#options.includeUsage && this.#usage !== undefined) {
      this.#send(usageChunk(this.#head, this.#usage));
    }
    if (this.#options.after > this.#chunks) return this.fail(beyondEnd(this.#chunks));
    this.#exchange.record.outcome ??= 'ok';
    this.#sse.event('[DONE]');
    this.#sse.end();
  }

  fail(error: SwitchboardError): void {
    const { response, record, repeatRunsTwice } = this.#exchange;
    if (!this.#sse.opened) {
      sendError(response, record, error, { started: repeatRunsTwice });
      return;
    }
    record.outcome ??= error.code;
    this.#sse.event(JSON.stringify(errorBody(error)));
    this.#sse.end();
  }

  dispose(): void {
    clearTimeout(this.#hold);
    clearInterval(this.#heartbeat);
    this.#progress?.stop();
  }

  #open(): void {
    if (this.#sse.opened) return;
    clearTimeout(this.#hold);
    this.#sse.open(this.#exchange.headers());
  }

  #openQueued(): void {
    this.#open();
    this.#sse.comment('queued');
    this.#progress?.start('at once');
  }

  /** Not an event: it has no number, and is not there again on a replay. */
  #sayPlace({ ahead, etaMs }: QueuePlace): void {
    if (this.#sse.blocked) return;
    this.#written = true;
    const eta = etaMs === undefined ? '' : ` eta_ms=${etaMs}`;
    this.#sse.comment(`queued position=${ahead + 1}${eta}`);
  }

  #openStarted(): void {
    this.#open();
    this.#sendRole('');
  }

  #sendRole(content: '' | null): void {
    if (this.#roleSent) return;
    this.#roleSent = true;
    this.#send(roleChunk(this.#head, this.#options.includeUsage, content));
  }

  /** What was shown came from a worker that was lost: the answer begins again. */
  #restarted(): void {
    this.#usage = undefined;
    this.#send(restartChunk(this.#head, this.#options.includeUsage));
  }

  #send(chunk: object): void {
    this.#chunks += 1;
    if (this.#chunks <= this.#options.after) return;
    this.#written = true;
    const { numbered } = this.#options;
    const id = numbered ? { id: `${this.#exchange.record.run}:${this.#chunks}` } : {};
    this.#sse.event(JSON.stringify(chunk), id);
  }

  #beat(): void {
    const silent = !this.#written;
    this.#written = false;
    // Nothing is added for a client that has not taken the last of it: what waits stays bounded.
    if (!silent || !this.#sse.opened || this.#sse.blocked) return;
    this.#sse.comment(this.#exchange.started ? 'heartbeat' : 'queued');
  }
}

function beyondEnd(chunks: number): SwitchboardError {
  return new SwitchboardError(
    'invalid_request',
    `\`Last-Event-ID\` names no event of this stream: it has ended with number ${chunks}.`,
    { param: 'last-event-id' },
  );
}
