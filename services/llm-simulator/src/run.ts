import type { ServerResponse } from 'node:http';

import { tokenCount, type Answer } from './answer.ts';
import { nowMs } from './clock.ts';
import type { Pacing } from './pacing.ts';
import type { RunLog, RunRecord } from './run-log.ts';
import type { Fault, StreamFault } from './script.ts';
import { SCRIPTED_ERROR_JSON, type AnswerWriter } from './wire.ts';

export interface RunOptions {
  readonly response: ServerResponse;
  readonly answer: Answer;
  readonly writer: AnswerWriter;
  readonly stream: boolean;
  readonly pacing: Pacing;
  readonly fault: Fault | undefined;
  readonly record: RunRecord;
  readonly log: RunLog;
}

/** Tokens in one write at most, so that an endless instant answer cannot fill the memory. */
const TOKENS_PER_WRITE_MAX = 1_024;
/** A timer may fire this much early; the token is then due. */
const EARLY_MS = 0.5;
const HTML = '<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>\n';

/**
 * Sends one answer at its pace. It holds one timer at most, writes all tokens that are due in one
 * write, waits for a slow reader, and ends when the answer, a fault or the caller ends it.
 */
export class Run {
  readonly #options: RunOptions;
  readonly #response: ServerResponse;
  readonly #chunks: AnswerWriter | undefined;
  /** Number of tokens after which the answer, or its fault, ends it. */
  readonly #tokensEnd: number;
  readonly #streamFault: StreamFault | undefined;
  /** Tokens made so far. */
  #position = 0;
  /** When the next token, or the end, is due. */
  #dueMs: number;
  /** When each token of an answer that is not streamed is made. */
  readonly #madeAtMs: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunOptions) {
    const { answer, fault, pacing, record, response, stream, writer } = options;
    this.#options = options;
    this.#response = response;
    this.#streamFault = fault !== undefined && 'afterTokens' in fault ? fault : undefined;
    this.#tokensEnd = Math.min(tokenCount(answer), this.#streamFault?.afterTokens ?? Infinity);
    this.#chunks = stream ? writer : undefined;
    this.#dueMs = record.startedAtMs + pacing.thinkMs();
    response.once('finish', () => this.#end(fault === undefined ? 'finished' : 'faulted'));
    response.once('close', () => this.#end('aborted'));
  }

  start(): void {
    const { fault } = this.#options;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'error' || fault?.kind === 'status_html') {
      this.#waitThen(() => this.#refuse(fault));
    } else if (this.#chunks === undefined) {
      this.#scheduleWhole();
    } else {
      const chunks = this.#chunks;
      this.#waitThen(() => {
        this.#response.writeHead(200, EVENT_STREAM_HEADERS);
        this.#step(chunks, this.#tokensEnd === 0 && this.#streamFault ? '' : chunks.opening());
      });
    }
  }

  /** Runs `then` when the next token is due: at once if it is due already. */
  #waitThen(then: () => void): void {
    const leftMs = this.#dueMs - nowMs();
    if (leftMs <= EARLY_MS) then();
    else this.#timer = setTimeout(() => this.#waitThen(then), Math.ceil(leftMs));
  }

  /** Writes the tokens that are due, then waits for the next one. */
  #step(chunks: AnswerWriter, opening = ''): void {
    const atMs = nowMs();
    let text = opening;
    let room = TOKENS_PER_WRITE_MAX;
    while (this.#position < this.#tokensEnd && this.#dueMs <= atMs + EARLY_MS && room > 0) {
      text += chunks.token(this.#position);
      this.#made(atMs);
      this.#dueMs += this.#options.pacing.nextGapMs();
      room -= 1;
    }
    if (this.#position === this.#tokensEnd && this.#dueMs <= atMs + EARLY_MS) {
      this.#endStream(chunks, text);
    } else if (this.#response.write(text)) {
      this.#waitThen(() => this.#step(chunks));
    } else {
      this.#response.once('drain', () => this.#waitThen(() => this.#step(chunks)));
    }
  }

  #endStream(chunks: AnswerWriter, text: string): void {
    switch (this.#streamFault?.kind) {
      case undefined:
        this.#response.end(text + chunks.closing());
        break;
      case 'malformed':
        this.#response.end(text + chunks.broken());
        break;
      case 'error_chunk':
        this.#response.end(text + chunks.failure());
        break;
      case 'stall':
        this.#writeThen(text, () => undefined);
        break;
      case 'cut':
        this.#writeThen(text, () => this.#cut());
        break;
    }
  }

  /** Not streamed: nothing is sent before all is made, so one timer does for the whole answer. */
  #scheduleWhole(): void {
    for (let made = 0; made < this.#tokensEnd; made += 1) {
      this.#madeAtMs.push(this.#dueMs);
      this.#dueMs += this.#options.pacing.nextGapMs();
    }
    this.#waitThen(() => this.#sendWhole());
  }

  #sendWhole(): void {
    this.#noteMade(Infinity);
    const { writer } = this.#options;
    const body = writer.wholeJson();
    const half = body.slice(0, body.length / 2);
    const kind = this.#streamFault?.kind;
    if (kind === 'malformed') return this.#send(200, half);
    if (kind === 'error_chunk') return this.#send(200, writer.failureJson());
    if (kind === undefined) return this.#send(200, body);
    this.#response.writeHead(200, ['content-type', 'application/json']);
    return this.#writeThen(half, () => (kind === 'cut' ? this.#cut() : undefined));
  }

  #refuse(fault: Extract<Fault, { kind: 'error' | 'status_html' }>): void {
    if (fault.kind === 'status_html') return this.#send(502, HTML, ['content-type', 'text/html']);
    const headers = ['content-type', 'application/json'];
    if (fault.retryAfterMs !== undefined) {
      // The header of the standard knows whole seconds only; OpenAI's second one is exact.
      headers.push('retry-after', String(Math.ceil(fault.retryAfterMs / 1_000)));
      headers.push('retry-after-ms', String(Math.round(fault.retryAfterMs)));
    }
    return this.#send(fault.status, SCRIPTED_ERROR_JSON[fault.status], headers);
  }

  #send(status: number, body: string, headers = ['content-type', 'application/json']): void {
    const length = String(Buffer.byteLength(body));
    this.#response.writeHead(status, [...headers, 'content-length', length]).end(body);
  }

  /** An empty text sends the headers alone. */
  #writeThen(text: string, then: () => void): void {
    if (text === '') {
      this.#response.flushHeaders();
      setImmediate(then);
    } else {
      this.#response.write(text, then);
    }
  }

  #cut(): void {
    this.#end('faulted');
    this.#response.destroy();
  }

  #made(atMs: number): void {
    this.#position += 1;
    this.#options.log.token(this.#options.record, atMs);
  }

  /** Notes the tokens of a whole answer that were made until then. */
  #noteMade(untilMs: number): void {
    while (this.#position < this.#madeAtMs.length) {
      const atMs = this.#madeAtMs[this.#position] ?? Infinity;
      if (atMs > untilMs) return;
      this.#made(atMs);
    }
  }

  #end(outcome: 'finished' | 'aborted' | 'faulted'): void {
    const { log, record } = this.#options;
    if (record.outcome !== 'running') return;
    clearTimeout(this.#timer);
    const atMs = nowMs();
    this.#noteMade(atMs);
    log.end(record, outcome, atMs);
  }
}

/** As OpenAI sends them; `chunked` also when the whole stream goes out in one write. */
const EVENT_STREAM_HEADERS = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-cache',
  'transfer-encoding',
  'chunked',
];
