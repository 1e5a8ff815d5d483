import type { ServerResponse } from 'node:http';
import type { SlowReaderWatch } from './slow-reader.ts';

/** The part of a response that an SSE stream needs. */
export type SseResponse = Pick<
  ServerResponse,
  'writeHead' | 'write' | 'end' | 'once' | 'off' | 'writableLength' | 'writableNeedDrain'
>;

/** Characters that are joined into one write at most. */
const FRAME_MAX_CHARACTERS = 64 * 1024;

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * Server-sent events on a raw response.
 *
 * I1  What is written within one turn of the microtask queue leaves in one write.
 * I2  While the socket takes nothing, {@link blocked} is true: an owner that then waits for
 *     {@link drained} holds at most what it wrote before, whatever the client does.
 * I3  While something waits for the client, the slow-reader watch is armed.
 */
export class SseWriter {
  readonly #response: SseResponse;
  readonly #slowReader: Pick<SlowReaderWatch, 'arm'>;
  #pending = '';
  #scheduled = false;
  #opened = false;
  #ended = false;

  constructor(response: SseResponse, slowReader: Pick<SlowReaderWatch, 'arm'>) {
    this.#response = response;
    this.#slowReader = slowReader;
  }

  get opened(): boolean {
    return this.#opened;
  }

  /** Whether the client has not yet taken what was written: wait for {@link drained}. */
  get blocked(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** Sends status 200 with the first write. */
  open(headers: Readonly<Record<string, string>>): void {
    this.#opened = true;
    this.#response.writeHead(200, { ...SSE_HEADERS, ...headers });
  }

  /** One event. `data` holds no line break: JSON does not. */
  event(data: string, fields: { readonly id?: string; readonly name?: string } = {}): void {
    const { id, name } = fields;
    const idLine = id === undefined ? '' : `id: ${id}\n`;
    const nameLine = name === undefined ? '' : `event: ${name}\n`;
    this.#add(`${idLine}${nameLine}data: ${data}\n\n`);
  }

  /** A line that clients ignore; it keeps proxies from closing a silent connection. */
  comment(text: string): void {
    this.#add(`: ${text}\n\n`);
  }

  /** Resolves when the client has taken what was written, or when `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    if (!this.blocked || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onEither = () => resolve();
    this.#response.once('drain', onEither);
    signal.addEventListener('abort', onEither, { once: true });
    await promise;
    this.#response.off('drain', onEither);
    signal.removeEventListener('abort', onEither);
  }

  /** Sends what is left and ends the response. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const last = this.#pending;
    this.#pending = '';
    if (last === '') this.#response.end();
    else this.#response.end(last);
    if (this.#response.writableLength > 0) this.#slowReader.arm();
  }

  #add(frame: string): void {
    if (this.#ended) return;
    this.#pending += frame;
    if (this.#pending.length >= FRAME_MAX_CHARACTERS) this.#flush();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Runs when the microtasks that bring the events already there are through.
    process.nextTick(() => {
      this.#scheduled = false;
      if (!this.#ended) this.#flush();
    });
  }

  #flush(): void {
    if (this.#pending === '') return;
    const frames = this.#pending;
    this.#pending = '';
    if (!this.#response.write(frames)) this.#slowReader.arm();
  }
}
