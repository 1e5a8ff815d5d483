import { toError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { Answer } from '../runner/chat-provider.ts';
import { ProviderFailure } from '../runner/provider-failure.ts';
import type { BodyReader } from './body-reader.ts';
import { badResponse, streamCut } from './failures.ts';
import { SseReader } from './sse-reader.ts';

/** What makes run events of an API's chunks, or of its one whole answer. */
export interface ChunkEvents {
  /** Whether the provider has said why it stopped: the text is whole. */
  readonly finished: boolean;
  /** Whether nothing more will come, although the body has not ended. */
  readonly ended: boolean;
  /** Appends the events of one chunk, or of a whole answer. @throws ProviderFailure */
  take(answer: unknown, into: RunEvent[]): void;
  /** Appends what ends a run. @throws ProviderFailure when the provider did not finish. */
  end(into: RunEvent[]): void;
}

/** An answer that comes as a stream of chunks. */
export class StreamedAnswer implements Answer {
  readonly #reader: BodyReader;
  readonly #events: ChunkEvents;
  readonly #sse = new SseReader((data) => this.#takeData(data));
  #into: RunEvent[] = [];
  #seenData = false;
  #done = false;
  /** What broke the answer behind events that had to be handed over first. */
  #failure: Error | undefined;

  constructor(reader: BodyReader, events: ChunkEvents) {
    this.#reader = reader;
    this.#events = events;
  }

  async read(into: RunEvent[]): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const before = into.length;
    this.#into = into;
    try {
      while (into.length === before && !this.#done) await this.#readPiece();
      if (!this.#done) return true;
      this.#events.end(into);
    } catch (thrown) {
      if (into.length === before) throw thrown;
      this.#failure = toError(thrown);
      return true;
    }
    this.#reader.finish();
    return false;
  }

  close(): void {
    this.#reader.close();
  }

  async #readPiece(): Promise<void> {
    let piece: Uint8Array | undefined;
    try {
      piece = await this.#reader.read();
    } catch (thrown) {
      // Lost behind the last word: the answer is whole, only its usage may be missing.
      if (!this.#events.finished) throw streamCut(thrown);
    }
    if (piece !== undefined) {
      this.#sse.take(piece);
      return;
    }
    this.#sse.end();
    if (!this.#seenData)
      throw badResponse('The model endpoint answered with something else than a stream.');
    this.#done = true;
  }

  #takeData(data: string): void {
    this.#seenData = true;
    if (this.#done) return;
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    this.#events.take(parse(data), this.#into);
    if (this.#events.ended) this.#done = true;
  }
}

/** Longest answer that does not come as a stream, in bytes. */
const WHOLE_MAX_BYTES = 32 * 1024 * 1024;

/** An answer that comes in one piece. */
export class WholeAnswer implements Answer {
  readonly #reader: BodyReader;
  readonly #events: ChunkEvents;
  readonly #onPiece: (() => void) | undefined;

  constructor(reader: BodyReader, events: ChunkEvents, onPiece?: () => void) {
    this.#reader = reader;
    this.#events = events;
    this.#onPiece = onPiece;
  }

  async read(into: RunEvent[]): Promise<boolean> {
    const body = parse(await this.#readText());
    const events: RunEvent[] = [];
    this.#events.take(body, events);
    if (!this.#events.finished) throw badResponse('The model endpoint sent no finish_reason.');
    this.#events.end(events);
    into.push(...events);
    return false;
  }

  close(): void {
    this.#reader.close();
  }

  async #readText(): Promise<string> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    try {
      for (;;) {
        const piece = await this.#reader.read();
        if (piece === undefined) return Buffer.concat(pieces).toString('utf8');
        this.#onPiece?.();
        pieces.push(piece);
        bytes += piece.length;
        if (bytes > WHOLE_MAX_BYTES)
          throw badResponse('The model endpoint sent too long an answer.');
      }
    } catch (thrown) {
      throw thrown instanceof ProviderFailure ? thrown : streamCut(thrown);
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error quotes the text: it is not passed on.
    throw badResponse('The model endpoint sent JSON that cannot be read.');
  }
}
