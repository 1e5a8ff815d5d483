import type { ServerResponse } from 'node:http';

type Watched = Pick<ServerResponse, 'once' | 'on' | 'setTimeout' | 'writableLength'>;

/**
 * Gives up a client that takes nothing of what waits for it. Uses the socket's own time-out, which
 * Node starts again with every byte taken, also within one large write: no count of ours sees that.
 */
export class SlowReaderWatch {
  readonly #response: Watched;
  readonly #limitMs: number;
  readonly #onSlow: () => void;
  #listening = false;
  #armed = false;

  /** `onSlow` is called once at most; it destroys the response. */
  constructor(response: Watched, limitMs: number, onSlow: () => void) {
    this.#response = response;
    this.#limitMs = limitMs;
    this.#onSlow = onSlow;
  }

  /**
   * Call when a write has met a full socket. Ends by itself when the client has taken all of it.
   */
  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    if (!this.#listening) {
      this.#listening = true;
      this.#response.on('timeout', () => this.#onTimeout());
    }
    this.#response.setTimeout(this.#limitMs);
    this.#response.once('drain', () => {
      this.#armed = false;
      this.#response.setTimeout(0);
    });
  }

  #onTimeout(): void {
    if (this.#armed && this.#response.writableLength > 0) this.#onSlow();
  }
}
