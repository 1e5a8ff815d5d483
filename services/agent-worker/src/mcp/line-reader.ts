import { StringDecoder } from 'node:string_decoder';

const PARTS_MAX = 1_024;

/**
 * Cuts a byte stream into lines of bounded length. What arrives is searched once, however many
 * pieces a line comes in.
 */
export class LineReader {
  readonly #decoder = new StringDecoder('utf8');
  readonly #lengthMax: number;
  readonly #onLine: (line: string) => void;
  #parts: string[] = [];
  #length = 0;

  /** @param onLine what it throws, `take` throws */
  constructor(lengthMax: number, onLine: (line: string) => void) {
    this.#lengthMax = lengthMax;
    this.#onLine = onLine;
  }

  /** @returns false when a line is too long: the reader has forgotten it, and is of no more use */
  take(bytes: Buffer): boolean {
    const text = this.#decoder.write(bytes);
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      this.#keep(text.slice(start, end));
      if (this.#length > this.#lengthMax) return this.#tooLong();
      const line = this.#parts.join('');
      this.#forget();
      this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
      start = end + 1;
    }
    this.#keep(text.slice(start));
    return this.#length <= this.#lengthMax || this.#tooLong();
  }

  #keep(part: string): void {
    if (part === '') return;
    // One letter at a time, the list would be heavier than the line.
    if (this.#parts.length === PARTS_MAX) this.#parts = [this.#parts.join('')];
    this.#parts.push(part);
    this.#length += part.length;
  }

  #tooLong(): false {
    this.#forget();
    return false;
  }

  #forget(): void {
    this.#parts = [];
    this.#length = 0;
  }
}
