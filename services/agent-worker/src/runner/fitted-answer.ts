import type { RunEvent } from '@switchboard/contract';
import type { Answer, ProviderRequest } from './chat-provider.ts';

/** The answer to a request that has to be made to fit first: when the first piece is waited for. */
export class FittedAnswer implements Answer {
  readonly #fit: () => Promise<ProviderRequest>;
  readonly #ask: (body: ProviderRequest) => Answer;
  #answer: Answer | undefined;
  #isClosed = false;

  constructor(fit: () => Promise<ProviderRequest>, ask: (body: ProviderRequest) => Answer) {
    this.#fit = fit;
    this.#ask = ask;
  }

  /** @throws what making it fit throws, and what the answer throws */
  read(into: RunEvent[]): Promise<boolean> {
    return this.#answer === undefined ? this.#begin(into) : this.#answer.read(into);
  }

  close(): void {
    this.#isClosed = true;
    this.#answer?.close();
  }

  async #begin(into: RunEvent[]): Promise<boolean> {
    const body = await this.#fit();
    // Whoever closes it while it waits has aborted its signal, too: nothing is asked.
    if (this.#isClosed) throw new Error('the answer was closed before it began');
    this.#answer = this.#ask(body);
    return await this.#answer.read(into);
  }
}
