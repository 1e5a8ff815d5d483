import { StringDecoder } from 'node:string_decoder';

export interface LineLogOptions {
  /** Lines kept; older ones are dropped. */
  readonly linesMax: number;
  /** Characters kept of a line; the rest of it is dropped. */
  readonly lineLengthMax: number;
}

export type LineListener = (line: string) => void;

/** Splits a process's output into lines, keeps the last ones and tells listeners about each. */
export class LineLog {
  readonly #options: LineLogOptions;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<LineListener>();

  constructor(options: LineLogOptions) {
    this.#options = options;
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Calls `listener` with each further line; returns the way to stop it. */
  listen(listener: LineListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads a stream to its end. Each stream has its own unfinished line. */
  read(stream: NodeJS.ReadableStream): void {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const parts = (rest + decoder.write(chunk)).split('\n');
      rest = (parts.pop() ?? '').slice(0, this.#options.lineLengthMax);
      for (const part of parts) this.#add(part);
    });
    stream.on('end', () => {
      if (rest !== '') this.#add(rest);
    });
    // A broken pipe ends the output; the process's exit is reported elsewhere.
    stream.on('error', () => undefined);
  }

  #add(text: string): void {
    const line = text.slice(0, this.#options.lineLengthMax);
    this.#lines.push(line);
    if (this.#lines.length > this.#options.linesMax) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }
}
