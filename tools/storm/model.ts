/** The simulator's side of the story: which calls it got, when, and how they ended. */
import type { ModelCall } from './ledger.ts';

const TIMEOUT_MS = 10_000;

export class Model {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The last 10,000 calls. */
  async calls(): Promise<readonly ModelCall[]> {
    return (await this.#get<{ runs: readonly ModelCall[] }>('log')).runs;
  }

  /** When each token of a request's calls was made. */
  async tokenTimes(request: string): Promise<readonly number[]> {
    const path = `log?request=${encodeURIComponent(request)}`;
    const { runs } = await this.#get<{ runs: readonly { tokensAtMs: readonly number[] }[] }>(path);
    return runs.flatMap(({ tokensAtMs }) => tokensAtMs);
  }

  async running(): Promise<number> {
    return (await this.#get<{ running: number }>('stats')).running;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/${path}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The simulator answered ${path} with ${response.status}.`);
    // The simulator is ours, so its answer has the shape that its README gives.
    return (await response.json()) as T;
  }
}
