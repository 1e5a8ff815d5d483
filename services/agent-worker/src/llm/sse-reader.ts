import { badResponse } from './failures.ts';

/** Longest server-sent event, in characters; a provider that sends more is refused. */
const EVENT_LENGTH_MAX = 4 * 1024 * 1024;

/**
 * Cuts a byte stream into the data of its server-sent events. The SDK's own reader does the same
 * through three nested generators: measured, it costs as much as all the rest of a token together.
 */
export class SseReader {
  readonly #decoder = new TextDecoder();
  readonly #onData: (data: string) => void;
  #rest = '';
  /** How far `#rest` is known to hold no end of line. */
  #searched = 0;
  #data: string | undefined;

  /** @param onData Called with the data of each event; what it throws, `take` throws. */
  constructor(onData: (data: string) => void) {
    this.#onData = onData;
  }

  /** Takes the next bytes. @throws ProviderFailure when an event is too long. */
  take(bytes: Uint8Array): void {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    let start = 0;
    let end = text.indexOf('\n', this.#searched);
    while (end !== -1) {
      this.#takeLine(text, start, end);
      start = end + 1;
      end = text.indexOf('\n', start);
    }
    this.#rest = start === 0 ? text : text.slice(start);
    this.#searched = this.#rest.length;
    this.#checkLength(this.#rest.length);
  }

  /** The stream has ended: an event whose closing blank line is missing still counts. */
  end(): void {
    if (this.#rest !== '') this.#takeLine(this.#rest, 0, this.#rest.length);
    this.#rest = '';
    this.#dispatch();
  }

  #takeLine(text: string, start: number, lineEnd: number): void {
    const end = text.charCodeAt(lineEnd - 1) === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (end <= start) {
      this.#dispatch();
      return;
    }
    // Comments, `event`, `id` and `retry` say nothing that we need.
    if (!text.startsWith('data:', start)) return;
    const from = start + (text.charCodeAt(start + 5) === SPACE ? 6 : 5);
    const data = text.slice(from, end);
    this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`;
    this.#checkLength(this.#data.length);
  }

  #dispatch(): void {
    const data = this.#data;
    if (data === undefined) return;
    this.#data = undefined;
    this.#onData(data);
  }

  #checkLength(length: number): void {
    if (length > EVENT_LENGTH_MAX) throw badResponse('The model endpoint sent an endless chunk.');
  }
}

const CARRIAGE_RETURN = 13;
const SPACE = 32;
