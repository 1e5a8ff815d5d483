import type { ResponseBody } from './provider-http.ts';

/** How long, and for how many bytes, a finished answer's connection is waited for. */
const REST_MS = 100;
const REST_BYTES = 16 * 1024;

/**
 * Reads a body piece by piece. The signal closes the connection at once, whoever is reading or not;
 * `finish` gives it back to the pool.
 */
export class BodyReader {
  readonly #body: ResponseBody;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  #ended = false;
  #closed = false;

  constructor(body: ResponseBody, signal: AbortSignal) {
    this.#body = body;
    this.#pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.#signal = signal;
    // Not left to the SDK, which hands on a signal of its own making.
    signal.addEventListener('abort', this.#destroy, { once: true });
    if (signal.aborted) this.#destroy();
  }

  /** The next bytes, or undefined at the end. Rejects when the connection was lost or closed. */
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#pieces.next();
    if (done !== true) return value;
    this.#ended = true;
    return undefined;
  }

  /** Closes the connection unless the body was read to its end. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal.removeEventListener('abort', this.#destroy);
    if (!this.#ended) this.#destroy();
  }

  /**
   * Nothing more is wanted, but the end of the body is near: reads on to it in the background, as a
   * connection closed before its last byte cannot be used again. Idempotent.
   */
  finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal.removeEventListener('abort', this.#destroy);
    if (!this.#ended && !this.#signal.aborted) void this.#readRest();
  }

  async #readRest(): Promise<void> {
    const timer = setTimeout(this.#destroy, REST_MS);
    try {
      for (let bytes = 0; bytes <= REST_BYTES;) {
        const piece = await this.read();
        if (piece === undefined) return;
        bytes += piece.length;
      }
      this.#destroy();
    } catch {
      // The connection is gone, which is no loss: the answer was whole.
    } finally {
      clearTimeout(timer);
    }
  }

  readonly #destroy = (): void => {
    this.#body.destroy();
  };
}
