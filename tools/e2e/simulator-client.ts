/** One answer of the simulator, as its log keeps it. Times are epoch milliseconds. */
export interface ModelRun {
  readonly request: string;
  readonly script: string;
  readonly startedAtMs: number;
  readonly tokens: number;
  readonly tokensAtMs: readonly number[];
  /** Null while it runs. */
  readonly endedAtMs: number | null;
  readonly outcome: 'running' | 'finished' | 'aborted' | 'faulted';
}

export interface ModelCounts {
  readonly started: number;
  readonly finished: number;
  readonly aborted: number;
  readonly running: number;
  readonly maxRunning: number;
}

const TIMEOUT_MS = 10_000;

/** What the model really did. Every call throws when the simulator does not answer in 10 s. */
export class SimulatorClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async counts(): Promise<ModelCounts> {
    return (await this.#call('GET', 'stats')) as ModelCounts;
  }

  /** The calls one request has led to, oldest first, with the time of each token. */
  async runsOf(requestId: string): Promise<readonly ModelRun[]> {
    const answer = await this.#call('GET', `log?request=${encodeURIComponent(requestId)}`);
    return (answer as { runs: readonly ModelRun[] }).runs;
  }

  /** Every call it knows, without the times of tokens. */
  async runs(): Promise<readonly Omit<ModelRun, 'tokensAtMs'>[]> {
    return ((await this.#call('GET', 'log')) as { runs: readonly ModelRun[] }).runs;
  }

  /** Forgets what has ended. */
  async reset(): Promise<void> {
    await this.#call('POST', 'reset');
  }

  async #call(method: 'GET' | 'POST', path: string): Promise<unknown> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${this.#url}/${path}`, { method, signal });
    if (!response.ok) throw new Error(`the simulator answered ${path} with ${response.status}`);
    return await response.json();
  }
}
