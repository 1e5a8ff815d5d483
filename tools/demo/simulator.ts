/**
 * What the demo asks of the simulator: it alone knows how many chats the model really had at once.
 */
export interface ModelRun {
  /** The `x-request-id` with which the chat was sent. */
  readonly request: string;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

const TIMEOUT_MS = 5_000;

/** A model simulator that runs at `url`. Every call throws when it does not answer in 5 s. */
export class SimulatorClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Forgets all that has ended. */
  async reset(): Promise<void> {
    await this.#call('reset', 'POST');
  }

  /** Most chats that ran at once since the last reset. */
  async maxRunning(): Promise<number> {
    const { maxRunning } = await this.#call<{ maxRunning: number }>('stats', 'GET');
    return maxRunning;
  }

  async runs(): Promise<readonly ModelRun[]> {
    return (await this.#call<{ runs: readonly ModelRun[] }>('log', 'GET')).runs;
  }

  async #call<T>(path: string, method: 'GET' | 'POST'): Promise<T> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${this.#url}/${path}`, { method, signal });
    if (!response.ok) throw new Error(`The simulator answered ${path} with ${response.status}.`);
    // The simulator is ours, so its answer has the shape that its README gives.
    return (await response.json()) as T;
  }
}
